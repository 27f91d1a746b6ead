"""What every Mailroom asks each second, with nothing to do, is composed before workers are forked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, update

from mailroom.database.engine import Database
from mailroom.engine.sweeper import Sweeper
from mailroom.ledger import holding
from mailroom.ledger.relays import circuit
from mailroom.ledger.repeats import repeats
from mailroom.ledger.schema import sweeper as rounds_table
from mailroom.ledger.webhooks import webhook_endpoints
from mailroom.queue import Queue


@contextmanager
def composed_by_sqlalchemy(database: Database) -> Iterator[list[str]]:
    """The kinds of the statements that go through it: each process composes these when it first runs them."""
    heard: list[str] = []

    def hear(connection: Any, statement: Any, *_: Any) -> None:
        heard.append(type(statement).__name__)

    event.listen(database.engine, "before_execute", hear)
    yield heard


def test_a_round_of_the_sweeper_that_finds_nothing(database: Database, queue: Queue) -> None:
    sweeper = Sweeper(database, queue, "ann")
    assert not sweeper.round(), "the first of a ledger is only noted"
    with database.begin() as connection:
        connection.execute(update(rounds_table).values(swept_at=0))  # as after a gap
    with composed_by_sqlalchemy(database) as statements:
        assert sweeper.round()
    assert statements == []


@pytest.mark.parametrize(
    "ask", [circuit.troubled, webhook_endpoints.to_be_called, repeats.is_any_due, holding.present]
)
def test_what_a_worker_asks(database: Database, ask: Callable[[Connection], object]) -> None:
    with composed_by_sqlalchemy(database) as statements, database.read() as connection:
        assert not ask(connection)
    assert statements == []
