"""A round takes some milliseconds with a million deliveries: every step finds its rows by an index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, insert, update

from mailroom.database.clock import now_millis
from mailroom.database.engine import Database
from mailroom.engine.sweeper import Sweeper
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.schema import decisions, sweeper
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.queue import Queue
from tests.ledger.book import Book
from tests.servers import Valkey

LARGE = ("deliveries", "mailings", "attempts", "sessions")


def busy(book: Book) -> None:
    """Something for every step: due, expired, canceled, abandoned, scheduled, decided, left by the dead."""
    book.accept(250)
    book.run_out(book.claim())
    book.accept(3, send_at=datetime.now(UTC) + timedelta(seconds=1), expires_at=datetime.now(UTC))
    canceled, staged = book.accept(3), book.accept(3)
    with book.database.begin() as connection:
        lifecycle.cancel(connection, canceled)
        old = datetime.now(UTC) - timedelta(days=1)
        connection.execute(
            update(mailings_table).where(mailings_table.c.id == staged).values(state="staged", created_at=old)
        )
        connection.exec_driver_sql("UPDATE batches SET enqueued_at = 0")
        decided = {"mailing_id": 1, "move": "retry", "after_id": 0, "moved": 0, "made_at": 0}
        connection.execute(insert(decisions).values(decided))


def plans_of(database: Database, statements: list[str]) -> dict[str, list[str]]:
    """Statement -> what SQLite will do."""
    with database.read() as connection:
        cursor = connection.connection.cursor()
        return {sql: [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in statements}


def test_nothing_is_scanned(sqlite_url: str, valkey: Valkey) -> None:
    database = Database(sqlite_url)
    statements: list[str] = []

    @event.listens_for(database.engine, "connect")
    def listen(connection: Any, _: Any) -> None:  # to SQLite itself: not all is run by SQLAlchemy
        connection.set_trace_callback(note)

    def note(sql: str) -> None:
        if sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            statements.append(sql)

    book = Book(database)
    busy(book)
    queue = Queue(valkey.url)
    round_ = Sweeper(database, queue, "ann", {"": "sink:25"})
    assert not round_.round(), "the first one only makes the sweeper's row"
    with database.begin() as connection:
        connection.execute(update(sweeper).values(swept_at=now_millis() - 2_000))

    statements.clear()
    assert round_.round()
    assert any(sql.startswith("DELETE FROM batches") for sql in statements), "it reaped"
    assert len(statements) > 30
    scans = {
        sql: [step for step in plan if any(step.startswith(f"SCAN {table}") for table in LARGE)]
        for sql, plan in plans_of(database, statements).items()
    }
    assert {sql: steps for sql, steps in scans.items() if steps} == {}
    queue.close()
    database.dispose()
