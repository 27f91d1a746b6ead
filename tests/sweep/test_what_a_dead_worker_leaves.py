from __future__ import annotations

import pytest

from mailroom.ledger import moves, states
from mailroom.ledger.batches import gather
from mailroom.ledger.deliveries import actions, deliveries
from tests.ledger.book import Book


def test_what_it_had_not_begun_is_due_again(book: Book) -> None:
    mailing_id = book.accept(3)
    book.die(book.claim())
    assert book.states(mailing_id) == {"queued": 3}
    assert [batch.size for batch in book.gather(mailing_id)] == [3]


def test_what_it_had_sent_is_sent(book: Book) -> None:
    mailing_id = book.accept(2)
    lease = book.claim()
    first, _ = book.inside(lease)
    book.mark(lease, first)
    book.sent(lease, first)
    book.die(lease)
    assert book.states(mailing_id) == {"sent": 1, "queued": 1}


def test_what_may_have_arrived_is_sent_once_more_and_then_never(book: Book) -> None:
    mailing_id = book.accept(1)
    for number in (1, 2):
        lease = book.claim()
        (delivery_id,) = book.inside(lease)
        assert book.mark(lease, delivery_id) == ""
        book.die(lease)
        row = book.delivery(delivery_id)
        assert (row.state, row.attempts, row.resends) == ("unknown", number, number - 1)
        book.gather(mailing_id)
    assert book.waiting() == []
    assert book.delivery(delivery_id).due_at is None
    assert book.mailing(mailing_id).ended_at is not None


def test_under_hold_a_person_decides(book: Book) -> None:
    mailing_id, _, delivery_id = book.in_doubt(if_unknown="hold")
    assert book.mailing(mailing_id).ended_at is not None
    assert book.gather(mailing_id) == []
    with book.database.begin() as connection:
        assert actions.change(connection, delivery_id, moves.RESEND)
    assert book.mailing(mailing_id).ended_at is None
    lease = book.mark_again(mailing_id, delivery_id)
    book.sent(lease, delivery_id)
    book.close(lease)
    assert book.states(mailing_id) == {"sent": 1}


def test_a_refused_resend_stays_unknown(book: Book) -> None:
    mailing_id, _, delivery_id = book.in_doubt()
    lease = book.mark_again(mailing_id, delivery_id)
    book.trouble(lease, delivery_id, states.FAILED)
    book.close(lease)
    assert book.states(mailing_id) == {"unknown": 1}, "it may have arrived the first time"


def test_a_mail_that_three_workers_died_of_is_given_up(book: Book) -> None:
    mailing_id = book.accept(1)
    for _ in range(3):
        book.die(book.claim())
        book.gather(mailing_id)
    assert book.states(mailing_id) == {"failed": 1}
    assert book.mailing(mailing_id).state == "done"
    with book.database.begin() as connection:
        (delivery,) = deliveries.page(connection, mailing_id)
        assert "3 workers died" in (delivery.reply or "")
        assert deliveries.attempts_of(connection, delivery.id)[-1].outcome == "failed"
        assert actions.change(connection, delivery.id, moves.RETRY), "a person may want it tried again"


def test_an_unknown_one_that_kills_workers_is_not_tried_for_ever(book: Book) -> None:
    mailing_id, _, _ = book.in_doubt()
    for _ in range(2):
        book.gather(mailing_id)
        book.die(book.claim())
    assert book.gather(mailing_id) == []
    assert book.states(mailing_id) == {"unknown": 1}
    assert book.mailing(mailing_id).ended_at is not None


def test_only_the_first_ones_are_suspected(book: Book) -> None:
    mailing_id = book.accept(30)
    lease = book.claim()
    ids = book.inside(lease)
    book.die(lease)
    assert [book.delivery(id).deaths for id in (ids[0], ids[9], ids[10], ids[29])] == [1, 1, 0, 0]
    assert book.states(mailing_id) == {"queued": 30}


def test_what_only_waited_is_given_up_after_no_number_of_deaths(book: Book) -> None:
    """For a session, or for its turn: its worker notes that nothing is in hand."""
    mailing_id = book.accept(12)
    for _ in range(20):
        for batch in book.gather(mailing_id) or book.waiting():
            lease = book.claim(batch)
            if lease.is_tried_alone:
                book.note_in_hand(lease, False)
            book.die(lease)
    assert book.states(mailing_id) == {"queued": 12}


def test_deaths_in_company_give_nobody_up(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "TRIED_ALONE", 1_000)
    mailing_id = book.accept(12)
    for _ in range(8):
        lease = book.claim()
        ids = book.inside(lease)
        book.note_in_hand(lease)
        book.die(lease)
        book.gather(mailing_id)
    assert book.states(mailing_id) == {"queued": 12}
    assert {book.delivery(id).deaths_alone for id in ids} == {0}


def test_what_waited_for_its_turn_is_no_suspect(book: Book) -> None:
    mailing_id = book.accept(3)
    lease = book.claim()
    ids = book.inside(lease)
    book.note_in_hand(lease, False)
    book.die(lease)
    assert {book.delivery(id).deaths for id in ids} == {0}
    assert [batch.size for batch in book.gather(mailing_id)] == [3]


def test_a_suspect_gets_no_company(book: Book) -> None:
    mailing_id = book.accept(1)
    book.die(book.claim())
    (alone,) = book.gather(mailing_id)
    book.accept(1)
    assert len(book.inside(book.claim(alone))) == 1


def test_one_of_which_an_outcome_is_known_is_no_suspect_any_more(book: Book) -> None:
    mailing_id = book.accept(1)
    book.die(book.claim())
    book.gather(mailing_id)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    before = book.delivery(delivery_id)
    assert (before.deaths, before.deaths_alone) == (1, 1)
    book.trouble(lease, delivery_id, states.DEFERRED, 60_000)
    after = book.delivery(delivery_id)
    assert (after.deaths, after.deaths_alone) == (0, 0)


def test_nothing_is_reaped_before_its_time(book: Book) -> None:
    book.accept(1)
    book.claim()
    assert book.reap() == 0
