"""However many deliveries there are: without this a batch of 100 would cost a look at all of them."""

from __future__ import annotations

from typing import Any

from mailroom.database.engine import Database
from mailroom.database.sql import planner
from mailroom.database.statement import Statement
from mailroom.ledger.batches import gather, waiting_deliveries
from tests.ledger.book import Book

STATEMENTS: list[tuple[Statement, dict[str, Any]]] = [
    (gather.GATHER_DUE, {"of_mailing": 1, "limit": 100}),
    (gather.TAKE_INTO_BATCH, {"by_batch": 1, "chosen": [1, 2, 3]}),
    (gather.NOTE_NEXT_DUE, {"of_mailing": 1}),
]


def plan_of(database: Database, statement: Statement, values: dict[str, Any]) -> str:
    """What the database will do, having seen no statistics."""
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.begin() as connection:
        planner.read_in_order_of_an_index(connection)
        compiled = statement._for(connection)
        found = connection.exec_driver_sql(f"{explain} {compiled.sql}", compiled.parameters(values))
        return "\n".join(str(row[-1]) for row in found)


def test_what_a_batch_holds_is_read_and_nothing_else_of_its_mailings(book: Book) -> None:
    """A mailing may have a million deliveries, and each of its batches would cost a look at all of them."""
    book.accept(2_600)
    plan = plan_of(book.database, waiting_deliveries.FIND_WAITING, {"of_batch": 1})
    in_batch, _, of_shared = plan.partition("SubPlan" if "SubPlan" in plan else "SCALAR SUBQUERY")
    assert "ix_deliveries_batch_id" in in_batch and of_shared, plan
    assert "ix_deliveries_mailing_id_id" not in in_batch, plan


def test_nothing_is_scanned_and_nothing_sorted(book: Book) -> None:
    book.accept(2_600)
    for statement, values in STATEMENTS:
        plan = plan_of(book.database, statement, values)
        for word in ("SCAN deliveries", "SCAN mailings", "Seq Scan on deliveries", "Sort", "TEMP B-TREE"):
            assert word not in plan, plan


def test_what_is_due_later_is_not_passed_over(book: Book) -> None:
    """Most of a mailing may be deferred: each batch would cost a look at all of that."""
    book.accept(2_600)
    plan = plan_of(book.database, *STATEMENTS[0])
    found = [line for line in plan.splitlines() if "mailing_id =" in line or "mailing_id=" in line]
    assert any("due_at <=" in line or "due_at<?" in line for line in found), plan
