"""Here, and only here, a mail is stopped: whoever took the batch, paused, canceled or unsubscribed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, update

from mailroom.ledger import suppressions
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.schema import mailings as mailings_table
from tests.ledger.book import Book


def expire(connection: Connection, mailing_id: int) -> None:
    over = datetime(2020, 1, 1, tzinfo=UTC)
    connection.execute(
        update(mailings_table).where(mailings_table.c.id == mailing_id).values(expires_at=over)
    )


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lifecycle.pause, "paused"),
        (lifecycle.cancel, "canceled"),
        (lambda connection, _: suppressions.add(connection, ["p0@mail.example"]), "suppressed"),
        (expire, "expired"),
    ],
)
def test_by_what_people_decided(book: Book, act: Callable[[Connection, int], object], why: str) -> None:
    mailing_id = book.accept(1)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    with book.database.begin() as connection:
        act(connection, mailing_id)
    assert book.mark(lease, delivery_id) == why
    assert book.delivery(delivery_id).state == "queued"


def test_by_a_lease_that_ran_out(book: Book) -> None:
    book.accept(1)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    book.run_out(lease)
    assert book.mark(lease, delivery_id) == "lost"


def test_by_another_owner(book: Book) -> None:
    mailing_id = book.accept(1)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    book.die(lease)
    book.gather(mailing_id)
    other = book.claim(owner="ben")
    assert book.mark(lease, delivery_id) == "lost"
    assert book.mark(other, delivery_id) == ""


def test_a_second_time(book: Book) -> None:
    book.accept(1)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    assert book.mark(lease, delivery_id) == ""
    assert book.mark(lease, delivery_id, session_id=2) == "taken"


def test_for_a_delivery_of_another_batch(book: Book) -> None:
    book.accept(1)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    book.accept(1)
    other = book.claim(owner="ben")
    assert book.mark(other, delivery_id) == "taken"
    assert book.delivery(delivery_id).state == "queued"
