"""While Redis is away the ledger is kept in order all the same; only lost jobs have to wait."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from sqlalchemy import Connection, func, select, update

from mailroom.database.clock import now_millis
from mailroom.engine.sweeper import Sweeper
from mailroom.ledger.schema import batches, sweeper
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import MailingState
from mailroom.queue import QueueDown
from tests.ledger.book import Book


class NotedLooks:
    """Stands for the clock of repeats."""

    number = 0

    def look(self, connection: Connection) -> None:
        self.number += 1


def test_an_acceptance_that_died_is_dropped_and_repeats_are_looked_at(book: Book) -> None:
    book.accept(3)
    died = book.accept(3)
    with book.database.begin() as connection:
        staged = update(mailings_table).where(mailings_table.c.id == died)
        connection.execute(staged.values(state=MailingState.STAGED, staged_until=0))
        connection.execute(update(batches).values(enqueued_at=0))  # their jobs are to be looked for
    repeats = NotedLooks()
    sweeping = Sweeper(book.database, book.queue, "ann", repeats=cast(Any, repeats))
    assert not sweeping.round(), "the first one only makes the sweeper's row"
    with book.database.begin() as connection:
        connection.execute(update(sweeper).values(swept_at=now_millis() - 2_000))
    with suppress(QueueDown):
        sweeping.round()
    with book.database.read() as connection:
        left = connection.execute(select(func.count()).select_from(mailings_table)).scalar_one()
    assert left == 1 and repeats.number == 1
