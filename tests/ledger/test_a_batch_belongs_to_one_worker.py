from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mailroom.ledger.batches import batches
from tests.ledger.book import Book


def test_of_many_who_claim_one_gets_it(book: Book) -> None:
    book.accept(5)
    (batch,) = book.waiting()
    with ThreadPoolExecutor(10) as pool:
        leases = list(pool.map(lambda number: book.try_to_claim(batch, f"worker{number}"), range(10)))
    assert sum(lease is not None for lease in leases) == 1


def test_an_old_job_claims_nothing(book: Book) -> None:
    book.accept(1)
    (batch,) = book.waiting()
    lease = book.claim(batch)
    assert lease.epoch == batch.epoch + 1
    assert book.try_to_claim(batch) is None
    book.close(lease)
    assert book.try_to_claim(batch) is None, "the batch is gone"


def test_a_renewed_lease_does_not_run_out(book: Book) -> None:
    book.accept(1)
    lease = book.claim()
    book.run_out(lease)
    with book.database.begin() as connection:
        assert batches.renew(connection, lease), "it ran out, and nobody took it"
    assert book.reap() == 0
    assert book.mark(lease, book.inside(lease)[0]) == ""


def test_a_lost_one_cannot_be_renewed_nor_closed(book: Book) -> None:
    mailing_id = book.accept(2)
    lease = book.claim()
    book.die(lease)
    with book.database.begin() as connection:
        assert not batches.renew(connection, lease)
    assert not book.close(lease)
    book.gather(mailing_id)
    other = book.claim(owner="ben")
    assert other.batch_id != lease.batch_id
    assert book.inside(lease) == []


def test_closing_makes_due_what_was_not_tried(book: Book) -> None:
    mailing_id = book.accept(3)
    lease = book.claim()
    first, *others = book.inside(lease)
    book.mark(lease, first)
    assert not book.close(lease), "the outcome of a mark is missing"
    book.sent(lease, first)
    assert book.close(lease)
    assert book.states(mailing_id) == {"sent": 1, "queued": 2}
    book.gather(mailing_id)
    assert book.inside(book.claim()) == others


def test_an_id_never_comes_again(book: Book) -> None:
    mailing_id = book.accept(1)
    lease = book.claim()
    book.close(lease)
    (batch,) = book.gather(mailing_id)
    assert batch.id > lease.batch_id, "sent deliveries keep the id of their batch"
