"""A batch's mailings are looked up one by one, whatever PostgreSQL believes of a ledger that has no
statistics yet, or old ones: else each batch reads all mailings, or all that are active: thousands.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, update

from mailroom.database.engine import Database
from mailroom.database.sql import planner
from mailroom.database.statement import Statement
from mailroom.ledger.batches import batches, growth, waiting_deliveries
from mailroom.ledger.mailings import contents, lifecycle
from mailroom.ledger.schema import batches as batches_table
from mailroom.ledger.schema import deliveries, mailings
from mailroom.ledger.states import MailingState, State
from tests.ledger.book import Book

GIVEN = {"of_batch": 1, "chosen": [1, 2, 3]}
OF_A_BATCH: list[tuple[str, Statement]] = [
    ("what waits", waiting_deliveries.FIND_WAITING),
    ("what came", growth.FIND_CHOSEN),
    ("their beginning", batches.START_MAILINGS),
    ("what they say", contents.FIND_TO_COMPILE),
    ("their end", lifecycle.FINISH_MAILINGS),
]


@pytest.fixture
def book(postgres_url: str) -> Iterator[Book]:
    database = Database(postgres_url)
    yield Book(database)
    database.dispose()


def is_over(book: Book) -> None:
    """An old ledger: by its statistics no mailing is active, and nothing is in a batch."""
    with book.database.begin() as connection:
        connection.execute(update(deliveries).values(state=State.SENT, batch_id=None, due_at=None))
        connection.execute(update(mailings).values(state=MailingState.DONE, next_due_at=None))
        connection.execute(delete(batches_table))
    analyze(book)


def analyze(book: Book) -> None:
    with book.database.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


def plan_of(book: Book, statement: Statement) -> str:
    """As a worker has it."""
    compiled = statement.on(book.database.engine.dialect)
    with book.database.begin() as connection:
        planner.keep_plans(connection)
        rows = connection.exec_driver_sql(f"EXPLAIN {compiled.sql}", compiled.parameters(GIVEN)).all()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("ledger", ["fresh", "old", "one mailing long ago", "known"])
@pytest.mark.parametrize("of_a_batch", OF_A_BATCH, ids=lambda one: one[0])
def test_each_is_looked_up(book: Book, of_a_batch: tuple[str, Statement], ledger: str) -> None:
    if ledger == "old":
        book.accept(3_000)
        book.accept(3)
        is_over(book)
    elif ledger == "one mailing long ago":
        book.accept(1)
        analyze(book)
    for number in range(40):
        book.accept([f"p{number}@mail.example"])
    book.accept(300)
    if ledger == "known":
        analyze(book)
    plan = plan_of(book, of_a_batch[1])
    assert "Index Scan using pk_mailings on mailings" in plan, plan
    for word in ("Seq Scan", "Bitmap", "ix_mailings"):
        assert word not in plan, plan
