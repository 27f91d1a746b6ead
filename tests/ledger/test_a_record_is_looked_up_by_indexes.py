"""What a relay's record tells of is found by indexes, however many mailings and deliveries there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from mailroom.ledger.feedback import known
from tests.ledger.book import Book
from tests.ledger.plans import plans_of

NOW = datetime.now(UTC)
READS: dict[str, Callable[[Connection], object]] = {
    "by number": lambda connection: known.by_ids(connection, [1, 2]),
    "of shared messages": lambda connection: known.of_shared(connection, ["a", "b"]),
    "by Message-IDs of their own": lambda connection: known.of_message_ids(connection, ["<a@b>", "<c@d>"]),
    "by address": lambda connection: known.sent_to(connection, ["p1@mail.example", "p2@mail.example"], 9),
    "unknown": lambda connection: known.unknown_between(connection, NOW - timedelta(days=1), NOW),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_nothing_is_scanned(book: Book, read: Callable[[Connection], object]) -> None:
    for _ in range(3):
        book.accept(50)
    for sql, plan in plans_of(book.database, read):
        for table in ("deliveries", "mailings"):
            assert f"SCAN {table}" not in plan and f"Seq Scan on {table}" not in plan, f"{sql}\n{plan}"


def test_whom_the_relay_took_mail_for_is_found_in_any_block(book: Book) -> None:
    mailing_id = book.accept(2)
    lease = book.claim()
    ids = book.inside(lease)
    book.send(lease, ids)
    book.close(lease)
    with book.database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE deliveries SET id = id + {5 << 15} WHERE id = {ids[1]}")
        found = known.sent_to(connection, ["p0@mail.example", "p1@mail.example", "x@mail.example"], 9)
    assert {one.of.id for one in found} == {ids[0], ids[1] + (5 << 15)}
    assert {one.of.mailing_id for one in found} == {mailing_id}
