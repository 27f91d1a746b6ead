"""PostgreSQL writes an entry into every index of a table unless no column of any of them changes (HOT).

So no index of deliveries may name what a mark or a 2xx changes, in its condition neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from mailroom.database.engine import Database
from mailroom.ledger.deliveries import marks
from mailroom.ledger.deliveries.marks import HandOver, Sent
from mailroom.ledger.states import State
from tests.ledger.book import Book

CHANGED = "SELECT pg_stat_get_xact_tuples_updated(id), pg_stat_get_xact_tuples_hot_updated(id) FROM "
CHANGED += "(SELECT 'deliveries'::regclass::oid AS id) AS named"


@pytest.fixture
def book(postgres_url: str) -> Iterator[Book]:
    database = Database(postgres_url)
    yield Book(database)
    database.dispose()


def updates(connection: Connection, statement: Any, **values: Any) -> tuple[int, int]:
    """How many rows it changed, and of how many the indexes stayed as they were."""
    before = connection.exec_driver_sql(CHANGED).one()
    connection.execute(statement, values)
    after = connection.exec_driver_sql(CHANGED).one()
    return after[0] - before[0], after[1] - before[1]


def test_a_mark_and_a_success_write_no_index(book: Book) -> None:
    book.accept(1)
    lease = book.claim()
    (only,) = book.inside(lease)
    of = {"of_batch": lease.batch_id, "of_epoch": lease.epoch, "of_owner": lease.owner}
    mark = marks.mark_statement(marks.one_of(HandOver, marks.MARK_TYPES))
    sent = marks.sent_statement(marks.one_of(Sent, marks.SENT_TYPES))
    with book.database.begin() as connection:
        handed = {"handover_delivery_id": only, "handover_session_id": 1, "handover_dated_at": 1}
        assert updates(connection, mark, **handed, **of) == (1, 1)
        taken = {"sent_delivery_id": only, "sent_code": 250, "sent_reply": "2.0.0 Ok"}
        assert updates(connection, sent, **taken, of_batch=lease.batch_id) == (1, 1)
    assert book.delivery(only).state is State.SENT
