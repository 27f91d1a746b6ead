from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mailroom.ledger import states
from mailroom.ledger.batches import gather
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.sweep import due_mailings
from tests.ledger.book import Book


def test_acceptance_gathers_the_first_batches_itself(book: Book) -> None:
    mailing_id = book.accept(250)
    assert [batch.size for batch in book.waiting()] == [100, 100, 50]
    assert {batch.queue for batch in book.waiting()} == {"bulk"}
    assert book.gather(mailing_id) == [], "nothing is left to be gathered"


def test_no_more_than_the_queue_should_hold(book: Book) -> None:
    mailing_id = book.accept(100 * gather.READY + 30)
    assert len(book.waiting()) == gather.READY
    assert book.mailing(mailing_id).next_due_at is not None, "the sweeper has to come back for the rest"
    assert [batch.size for batch in book.gather(mailing_id)] == [30]
    assert book.mailing(mailing_id).next_due_at is None


def test_a_scheduled_mailing_waits_for_its_time(book: Book) -> None:
    mailing_id = book.accept(3, send_at=datetime.now(UTC) + timedelta(hours=1))
    assert book.mailing(mailing_id).state == states.SCHEDULED
    assert book.gather(mailing_id) == []
    with book.database.begin() as connection:
        assert not due_mailings.scheduled_are_due(connection)


def test_a_deferred_delivery_waits_for_its_time(book: Book) -> None:
    mailing_id = book.accept(1)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    book.mark(lease, delivery_id)
    book.trouble(lease, delivery_id, states.DEFERRED, due_in_ms=60_000)
    assert book.close(lease)
    assert book.gather(mailing_id) == []
    assert book.mailing(mailing_id).next_due_at is not None
    book.make_due(mailing_id)
    assert [batch.size for batch in book.gather(mailing_id)] == [1]


def test_nothing_of_a_paused_mailing(book: Book) -> None:
    mailing_id = book.accept(1)
    with book.database.begin() as connection:
        assert lifecycle.pause(connection, mailing_id)
    assert book.close(book.claim())
    assert book.gather(mailing_id) == []
    with book.database.begin() as connection:
        assert lifecycle.resume(connection, mailing_id)
    assert len(book.gather(mailing_id)) == 1


def test_those_that_killed_two_workers_go_alone(book: Book) -> None:
    mailing_id = book.accept(3)
    for _ in range(2):
        lease = book.claim()
        book.mark(lease, book.inside(lease)[0]) if _ == 0 else None
        book.die(lease)
        book.gather(mailing_id)
    assert sorted(batch.size for batch in book.waiting()) == [1, 1, 1]
