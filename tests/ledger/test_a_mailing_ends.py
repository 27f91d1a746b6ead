from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mailroom.ledger import moves, states, suppressions
from mailroom.ledger.deliveries import actions
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.states import State
from mailroom.ledger.sweep import due_mailings
from tests.ledger.book import Book


def deferred(book: Book) -> tuple[int, int]:
    mailing_id = book.accept(1)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    book.mark(lease, delivery_id)
    book.trouble(lease, delivery_id, states.DEFERRED, due_in_ms=14_400_000)
    book.close(lease)
    return mailing_id, delivery_id


def test_when_its_last_batch_is_closed(book: Book) -> None:
    mailing_id = book.accept(150)
    for number in (1, 2):
        lease = book.claim()
        for delivery_id in book.inside(lease):
            book.mark(lease, delivery_id)
            book.sent(lease, delivery_id)
        assert book.close(lease)
        assert (book.mailing(mailing_id).ended_at is not None) == (number == 2)
    assert book.mailing(mailing_id).state == "done"


def test_not_while_something_is_deferred(book: Book) -> None:
    mailing_id, _ = deferred(book)
    assert book.mailing(mailing_id).ended_at is None


def test_at_once_when_it_is_canceled_although_all_of_it_is_deferred(book: Book) -> None:
    mailing_id, delivery_id = deferred(book)
    with book.database.begin() as connection:
        assert lifecycle.cancel(connection, mailing_id)
        assert due_mailings.to_be_ended(connection, 10) == [(mailing_id, "canceled")]
        actions.end_due(connection, mailing_id, State.CANCELED)
    assert book.delivery(delivery_id).state == "canceled"
    assert book.mailing(mailing_id).ended_at is not None


def test_a_canceled_one_is_canceled_although_a_sweeper_was_about_to_gather(book: Book) -> None:
    mailing_id, _ = deferred(book)
    with book.database.begin() as connection:
        lifecycle.cancel(connection, mailing_id)
    assert book.gather(mailing_id) == []
    with book.database.read() as connection:
        assert due_mailings.to_be_ended(connection, 10) == [(mailing_id, "canceled")]


def test_a_retried_delivery_is_not_canceled_by_a_sweeper_that_comes_late(book: Book) -> None:
    mailing_id, delivery_id = deferred(book)
    with book.database.begin() as connection:
        lifecycle.cancel(connection, mailing_id)
        actions.end_due(connection, mailing_id, State.CANCELED)
        assert actions.change(connection, delivery_id, moves.RETRY)
        assert actions.end_due(connection, mailing_id, State.CANCELED) == 0
    assert book.states(mailing_id) == {"queued": 1}


def test_when_everybody_is_suppressed_though_its_time_has_not_come(book: Book) -> None:
    with book.database.begin() as connection:
        suppressions.add(connection, ["p0@mail.example"])
    mailing_id = book.accept(1, send_at=datetime.now(UTC) + timedelta(hours=1))
    assert book.states(mailing_id) == {"suppressed": 1}
    assert book.mailing(mailing_id).ended_at is not None


def test_what_was_unknown_stays_so_when_its_mailing_is_canceled(book: Book) -> None:
    mailing_id = book.accept(2)
    lease = book.claim()
    first, _ = book.inside(lease)
    book.mark(lease, first)
    book.die(lease)
    with book.database.begin() as connection:
        lifecycle.cancel(connection, mailing_id)
        actions.end_due(connection, mailing_id, State.CANCELED)
    assert book.states(mailing_id) == {"unknown": 1, "canceled": 1}
    assert book.mailing(mailing_id).ended_at is not None
