"""Single mails that come at once share a batch: a job costs as much as ten mails."""

from __future__ import annotations

from sqlalchemy import update

from mailroom.content.whole.original import Original
from mailroom.engine.accept.thresholds import WHOLE_SHARES_A_BATCH_AT_MOST
from mailroom.ledger.batches.gather import SIZE
from mailroom.ledger.batches.join import WAITS_MS
from mailroom.ledger.schema import batches
from tests.ledger.book import CONTENT, Book


def test_what_comes_while_a_batch_waits_joins_it(book: Book) -> None:
    first, second, third = (book.accept(1) for _ in range(3))
    [batch] = book.waiting()
    assert batch.size == 3
    lease = book.claim(batch)
    for delivery_id in book.inside(lease):
        assert book.mark(lease, delivery_id) == ""
        assert book.sent(lease, delivery_id)
    assert book.close(lease)
    for mailing_id in (first, second, third):
        assert book.states(mailing_id) == {"sent": 1}
        assert book.mailing(mailing_id).ended_at is not None


def test_what_comes_after_the_claim_gets_a_batch_of_its_own(book: Book) -> None:
    book.accept(1)
    lease = book.claim()
    book.accept(1)
    assert len(book.inside(lease)) == 1
    assert [batch.size for batch in book.waiting()] == [1]


def test_a_batch_that_nobody_takes_gets_no_more(book: Book) -> None:
    book.accept(1)
    with book.database.begin() as connection:
        connection.execute(update(batches).values(enqueued_at=batches.c.enqueued_at - WAITS_MS))
    book.accept(1)
    assert [batch.size for batch in book.waiting()] == [1, 1]


def test_a_full_batch_is_followed_by_another(book: Book) -> None:
    for _ in range(5):
        book.accept(25)
    assert [batch.size for batch in book.waiting()] == [SIZE, 25]


def test_a_large_mailing_goes_alone(book: Book) -> None:
    book.accept(1)
    book.accept(26)
    assert [batch.size for batch in book.waiting()] == [1, 26]


def test_a_whole_message_joins_unless_it_is_large(book: Book) -> None:
    book.accept(1)
    for octets in (1_000, WHOLE_SHARES_A_BATCH_AT_MOST, WHOLE_SHARES_A_BATCH_AT_MOST + 1):
        book.accept(1, original=Original((b"x" * octets,), "<1@mail.example>", CONTENT, ()))
    assert [batch.size for batch in book.waiting()] == [3, 1]


def test_what_is_to_be_sent_one_at_a_time_goes_alone(book: Book) -> None:
    book.accept(1)
    book.accept(2, max_sessions=1)
    book.accept(1)
    assert sorted(batch.size for batch in book.waiting()) == [2, 2]


def test_what_a_dead_worker_held_goes_back_to_each_mailing(book: Book) -> None:
    first, second = book.accept(1), book.accept(2)
    lease = book.claim()
    marked = book.inside(lease)[0]
    assert book.mark(lease, marked) == ""
    book.die(lease)
    assert book.states(first) == {"unknown": 1}
    assert book.states(second) == {"queued": 2}
