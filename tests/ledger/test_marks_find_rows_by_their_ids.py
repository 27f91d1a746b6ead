"""The statement of a group's marks and outcomes is planned once for a connection, in a ledger that may have
no statistics yet: it must not read a whole batch, all mailings or all deliveries for a few rows. Nor must a
batch that takes over another one read the ledger from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, update

from mailroom.database.connection.raw import RETURNED
from mailroom.database.engine import Database
from mailroom.ledger.batches import gather, growth
from mailroom.ledger.deliveries import marks
from mailroom.ledger.deliveries.marks import HandOver
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.states import State
from tests.ledger.book import Book


@pytest.fixture
def book(postgres_url: str) -> Iterator[Book]:
    database = Database(postgres_url)
    yield Book(database)
    database.dispose()


def plan_that_is_kept(book: Book) -> str:
    """Of the connection that a worker has for marks and outcomes."""
    lease, direct = book.claim(), book.database.direct()
    try:
        writer = marks.LeaseWriter(direct, lease)
        assert all(writer.write([], [HandOver(id, 1) for id in book.inside(lease)])[1])
        assert writer.may_ask, "it is prepared"
        named, nothing = marks.ASK_SENT_AND_MARK.name.decode(), ", ".join(["NULL"] * 11)
        (rows,) = direct.run([(f"EXPLAIN EXECUTE {named}({nothing})", None)], RETURNED)
        return "\n".join(row[0] for row in rows)
    finally:
        direct.close()


def in_no_batch(book: Book) -> None:
    """An old ledger: by its statistics the index of those that are in one is as good as empty."""
    with book.database.begin() as connection:
        connection.execute(update(deliveries).values(state=State.SENT, batch_id=None, due_at=None))
        connection.execute(delete(batches))
    with book.database.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("mails", [1, 60, 400, 2_600])
def test_a_plan_that_is_kept_goes_by_ids(book: Book, mails: int, is_old: bool) -> None:
    if is_old:
        book.accept(5_000)
        in_no_batch(book)
    book.accept(mails)
    plan = plan_that_is_kept(book)
    assert plan.count("Index Scan using pk_deliveries on deliveries") == 2, plan
    assert "Index Scan using pk_mailings on mailings" in plan, plan
    for word in ("Seq Scan", "Bitmap", "ix_"):
        assert word not in plan, plan


@pytest.mark.parametrize("mails", [1, 2_600])
def test_a_mailing_is_not_looked_for_among_all_that_are_active(book: Book, mails: int) -> None:
    book.accept(mails)
    whose = {"in_queue": "bulk", "of_mailing": 1, "after_id": 0, "by_batch": 1}
    for statement in (gather.LOCK_MAILING, growth.TAKE_OVER_BATCH):
        compiled = statement.on(book.database.engine.dialect)
        with book.database.begin() as connection:
            rows = connection.exec_driver_sql(f"EXPLAIN {compiled.sql}", compiled.parameters(whose)).all()
        plan = "\n".join(row[0] for row in rows)
        assert "Index Scan using pk_mailings on mailings" in plan and "ix_mailings" not in plan, plan


def test_a_batch_to_take_over_is_found_by_what_it_holds(book: Book) -> None:
    book.accept(2_600)
    compiled = growth.TAKE_OVER_BATCH.on(book.database.engine.dialect)
    whose = {"in_queue": "bulk", "of_mailing": 1, "after_id": 0, "by_batch": 1}
    with book.database.begin() as connection:
        connection.exec_driver_sql("ANALYZE")  # with statistics, too
        rows = connection.exec_driver_sql(f"EXPLAIN {compiled.sql}", compiled.parameters(whose)).all()
    plan = "\n".join(row[0] for row in rows)
    assert "pk_deliveries" not in plan and "ix_deliveries_batch_id" in plan, plan
