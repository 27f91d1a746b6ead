from __future__ import annotations

import pytest

from mailroom.ledger import states
from tests.ledger.book import Book


def test_a_delivery_that_was_not_marked_cannot_be_sent(book: Book) -> None:
    book.accept(1)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    assert not book.sent(lease, delivery_id)
    assert book.delivery(delivery_id).state == "queued"


def test_an_outcome_counts_once(book: Book) -> None:
    mailing_id, lease, delivery_id = book.marked()
    assert book.sent(lease, delivery_id)
    assert not book.sent(lease, delivery_id)
    book.trouble(lease, delivery_id, states.FAILED)
    assert book.states(mailing_id) == {"sent": 1}
    assert book.delivery(delivery_id).attempts == 1


@pytest.mark.parametrize("state", [states.DEFERRED, states.FAILED, states.UNKNOWN])
def test_who_lost_its_batch_records_no_trouble(book: Book, state: states.State) -> None:
    _, lease, delivery_id = book.in_doubt()
    book.trouble(lease, delivery_id, state, due_in_ms=1_000)
    row = book.delivery(delivery_id)
    assert (row.state, row.attempts, row.code) == ("unknown", 1, None)


def test_a_lease_that_nobody_took_still_records(book: Book) -> None:
    mailing_id = book.accept(2)
    lease = book.claim()
    first, second = book.inside(lease)
    for delivery_id in (first, second):
        book.mark(lease, delivery_id)
    book.run_out(lease)
    book.trouble(lease, first, states.FAILED)
    assert book.sent(lease, second)
    assert book.close(lease)
    assert book.states(mailing_id) == {"failed": 1, "sent": 1}
    assert book.mailing(mailing_id).ended_at is not None


@pytest.mark.parametrize("if_unknown", ["resend", "hold"])
def test_a_late_yes_spares_the_second_copy(book: Book, if_unknown: str) -> None:
    mailing_id, lease, delivery_id = book.in_doubt(if_unknown=if_unknown)
    assert book.sent(lease, delivery_id)
    assert book.delivery(delivery_id).state == "sent"
    assert book.gather(mailing_id) == []
    assert book.mailing(mailing_id).ended_at is not None


def test_a_late_yes_for_one_that_is_in_a_new_batch(book: Book) -> None:
    mailing_id, lease, delivery_id = book.in_doubt()
    book.gather(mailing_id)
    other = book.claim(owner="ben")
    assert book.inside(other) == [delivery_id]
    assert book.sent(lease, delivery_id)
    assert book.mark(other, delivery_id) == "taken"
    assert book.close(other)
    assert book.states(mailing_id) == {"sent": 1}


def test_a_late_yes_does_not_break_in_on_a_resend(book: Book) -> None:
    mailing_id, lease, delivery_id = book.in_doubt()
    other = book.mark_again(mailing_id, delivery_id, owner="ben")
    assert not book.sent(lease, delivery_id)
    assert book.sent(other, delivery_id)
    assert book.close(other)
