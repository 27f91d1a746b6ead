"""A sweeper asks once a second what is due, and every page what live batches hold. On PostgreSQL, in a ledger
without statistics, neither may cost a look at all that is active, or at all that there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection

from mailroom.database.engine import Database
from mailroom.ledger.batches import batches
from mailroom.ledger.mailings import counters
from mailroom.ledger.sweep import due_mailings
from mailroom.ledger.webhooks import webhook_calls, webhook_endpoints
from tests.ledger.book import Book
from tests.ledger.plans import plans_of

Reader = Callable[[Connection], object]

WHAT_IS_DUE: list[tuple[str, Reader]] = [
    ("to be gathered", lambda connection: due_mailings.due(connection, "bulk", 10)),
    ("to be ended", lambda connection: due_mailings.to_be_ended(connection, 10)),
    ("to be started", due_mailings.scheduled_are_due),
    ("and started", due_mailings.start_scheduled),
    ("of webhooks", webhook_endpoints.to_be_called),
    ("of one webhook", lambda connection: webhook_calls.claim(connection, 1, 10)),
]
WHAT_BATCHES_HOLD: list[tuple[str, Reader]] = [
    ("of a mailing", lambda connection: counters.live(connection, [1])),
    ("and for how long", lambda connection: batches.earliest_lease(connection, 1)),
]


@pytest.fixture
def book(postgres_url: str) -> Iterator[Book]:
    database = Database(postgres_url)
    yield Book(database)
    database.dispose()


@pytest.mark.parametrize("asked", WHAT_IS_DUE, ids=lambda one: one[0])
def test_what_is_due_is_found_by_its_time(book: Book, asked: tuple[str, Reader]) -> None:
    for number in range(40):
        book.accept([f"p{number}@mail.example"])
    ((_, plan),) = plans_of(book.database, asked[1])
    assert any("Index Cond" in line and "due_at <=" in line for line in plan.splitlines()), plan


@pytest.mark.parametrize("asked", WHAT_BATCHES_HOLD, ids=lambda one: one[0])
def test_what_live_batches_hold_is_found_by_their_ids(book: Book, asked: tuple[str, Reader]) -> None:
    book.accept(2_600)
    ((_, plan),) = plans_of(book.database, asked[1], as_it_is=True)
    assert "ix_deliveries_batch_id" in plan, plan
    assert "Seq Scan on deliveries" not in plan, plan
