"""A round that finds nothing runs every second, in every Mailroom: each of its statements is composed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, update

from mailroom.database.engine import Database
from mailroom.engine.sweeper import Sweeper
from mailroom.ledger.schema import sweeper as rounds_table
from mailroom.queue import Queue


def test_a_round_that_finds_nothing(database: Database, queue: Queue) -> None:
    sweeper = Sweeper(database, queue, "ann")
    assert not sweeper.round(), "the first of a ledger is only noted"
    with database.begin() as connection:
        connection.execute(update(rounds_table).values(swept_at=0))  # as after a gap
    through_sqlalchemy: list[str] = []

    def heard(connection: Any, statement: Any, *_: Any) -> None:
        through_sqlalchemy.append(type(statement).__name__)

    event.listen(database.engine, "before_execute", heard)
    assert sweeper.round()
    assert through_sqlalchemy == []
