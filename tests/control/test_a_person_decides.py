"""Cancel, retry, "it arrived" and "send again": one delivery or all of a mailing, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailroom.database.engine import Database
from mailroom.ledger import moves, states
from mailroom.ledger.deliveries import actions, bulk_actions
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.sweep import due_mailings
from tests.ledger.book import Book


@pytest.fixture
def book(database: Database) -> Book:
    return Book(database)


def do(book: Book, move: moves.Move, id_: int) -> bool:
    with book.database.begin() as connection:
        return actions.change(connection, id_, move)


def decide(book: Book, mailing_id: int, move: str) -> int:
    """About all of a mailing that is small: how many were moved."""
    with book.database.begin() as connection:
        moved = bulk_actions.decide(connection, mailing_id, move)
    assert isinstance(moved, int)
    return moved


def failed(book: Book, count: int) -> int:
    mailing_id = book.accept(count)
    lease = book.claim()
    for id_ in book.inside(lease):
        book.trouble(lease, id_, states.FAILED)
    book.close(lease)
    return mailing_id


def unknown(book: Book, count: int) -> tuple[int, list[int]]:
    """A mailing under `hold` of which nobody knows whether it arrived."""
    mailing_id = book.accept(count, if_unknown="hold")
    lease = book.claim()
    ids = book.inside(lease)
    for id_ in ids:
        assert book.mark(lease, id_) == ""
    book.die(lease)
    assert book.states(mailing_id) == {"unknown": count}
    return mailing_id, ids


def test_one_that_waits_is_canceled(book: Book) -> None:
    mailing_id = book.accept(3, send_at=datetime.now(UTC) + timedelta(hours=1))
    assert do(book, moves.CANCEL, 1)
    assert not do(book, moves.CANCEL, 1), "it is over"
    assert book.states(mailing_id) == {"queued": 2, "canceled": 1}
    book.check()


def test_one_in_a_batch_under_way_is_canceled_and_its_mark_refused(book: Book) -> None:
    mailing_id = book.accept(3)
    lease = book.claim()
    first, second, third = book.inside(lease)
    assert book.mark(lease, first) == ""
    assert not do(book, moves.CANCEL, first), "its final dot may have left"
    assert do(book, moves.CANCEL, second)
    assert book.mark(lease, second) == "taken"
    assert book.mark(lease, third) == ""
    assert book.sent(lease, first) and book.sent(lease, third)
    assert book.close(lease)
    assert book.states(mailing_id) == {"sent": 2, "canceled": 1}
    assert book.mailing(mailing_id).state == "done"
    book.check()


def test_one_that_failed_is_tried_again_and_its_mailing_goes_on(book: Book) -> None:
    mailing_id = book.accept(1)
    lease = book.claim()
    (only,) = book.inside(lease)
    assert not do(book, moves.RETRY, only), "it is on its way"
    book.trouble(lease, only, states.FAILED)
    book.close(lease)
    assert book.mailing(mailing_id).state == "done"
    assert do(book, moves.RETRY, only)
    assert (book.mailing(mailing_id).state, book.mailing(mailing_id).ended_at) == ("active", None)
    assert [batch.size for batch in book.gather(mailing_id)] == [1]
    book.check()


def test_what_a_scheduled_mailing_gets_back_waits_for_its_time(book: Book) -> None:
    send_at = datetime.now(UTC) + timedelta(hours=1)
    mailing_id = book.accept(2, send_at=send_at)
    do(book, moves.CANCEL, 1)
    assert do(book, moves.RETRY, 1)
    with book.database.begin() as connection:
        assert due_mailings.start_scheduled(connection) == 0
    assert book.mailing(mailing_id).state == "scheduled"
    book.check()


def test_nothing_is_retried_while_its_mailing_is_being_canceled(book: Book) -> None:
    mailing_id = book.accept(2, send_at=datetime.now(UTC) + timedelta(hours=1))
    do(book, moves.CANCEL, 1)
    with book.database.begin() as connection:
        lifecycle.cancel(connection, mailing_id)
    assert not do(book, moves.RETRY, 1), "the other one would go out with it"
    with book.database.begin() as connection:
        actions.end_due(connection, mailing_id, states.CANCELED)
    assert do(book, moves.RETRY, 1)
    assert book.states(mailing_id) == {"queued": 1, "canceled": 1}
    book.check()


def test_all_failed_are_tried_again(book: Book) -> None:
    mailing_id = failed(book, 10)
    assert decide(book, mailing_id, bulk_actions.RETRY_ALL) == 10
    assert book.states(mailing_id) == {"queued": 10}
    assert [batch.size for batch in book.gather(mailing_id)] == [10]
    book.check()


def test_an_unknown_one_arrived(book: Book) -> None:
    mailing_id, ids = unknown(book, 2)
    assert do(book, moves.CONFIRM, ids[0])
    assert book.states(mailing_id) == {"sent": 1, "unknown": 1}
    book.check()


def test_an_unknown_one_is_sent_again(book: Book) -> None:
    mailing_id, ids = unknown(book, 2)
    assert do(book, moves.RESEND, ids[1])
    (batch,) = book.gather(mailing_id)
    lease = book.claim(batch)
    assert book.mark(lease, ids[1]) == ""
    assert book.sent(lease, ids[1])
    book.close(lease)
    assert book.states(mailing_id) == {"sent": 1, "unknown": 1}
    assert book.mailing(mailing_id).state == "done"
    book.check()


def test_all_unknown_ones_arrived(book: Book) -> None:
    mailing_id, _ = unknown(book, 7)
    assert decide(book, mailing_id, bulk_actions.CONFIRM_ALL) == 7
    assert book.states(mailing_id) == {"sent": 7}
    book.check()


def test_all_unknown_ones_are_sent_again_once(book: Book) -> None:
    mailing_id, _ = unknown(book, 7)
    assert decide(book, mailing_id, bulk_actions.RESEND_ALL) == 7
    assert decide(book, mailing_id, bulk_actions.RESEND_ALL) == 0
    assert decide(book, mailing_id, bulk_actions.CONFIRM_ALL) == 0, "they are about to be sent"
    assert [batch.size for batch in book.gather(mailing_id)] == [7]
    book.check()
