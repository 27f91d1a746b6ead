"""A batch in a worker's hands takes more of its mailing, all of it under the one lease."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import select, update

from mailroom.ledger import holding
from mailroom.ledger.batches import gather, growth
from mailroom.ledger.batches.batches import Gathered, Lease
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.schema import batches, deliveries
from tests.ledger.book import Book

GATHERED = gather.READY * gather.SIZE
"""By the acceptance itself."""


def in_order(book: Book) -> list[Gathered]:
    """The batches that nobody claimed; they were all enqueued in one moment."""
    return sorted(book.waiting(), key=lambda batch: batch.id)


def grow(book: Book, lease: Lease, mailing_id: int, after_id: int | None = None) -> list[int]:
    """Ids of what came."""
    last = max(book.inside(lease), default=0) if after_id is None else after_id
    ways: list[Callable[..., growth.Came]] = [partial(growth.grow, most=150)]
    if not book.database.is_sqlite:
        ways.append(growth.take_over)
    for take in ways:
        with book.database.begin_at_once() as connection:
            came = take(connection, lease, mailing_id=mailing_id, after_id=last)
        if came is not None:
            return [row.id for row in came()]
    return []


def test_what_is_due_comes_into_it_and_is_counted_as_the_rest(book: Book) -> None:
    mailing_id = book.accept(GATHERED + 400)
    lease = book.claim(in_order(book)[0])
    first = book.inside(lease)
    came = grow(book, lease, mailing_id)
    assert len(came) == 150
    assert came[0] > first[-1]
    assert book.inside(lease) == [*first, *came]
    with book.database.read() as connection:
        assert (
            connection.execute(select(batches.c.size).where(batches.c.id == lease.batch_id)).scalar() == 250
        )
    book.check()
    book.send(lease, [*first, *came[:50]])
    assert book.close(lease)
    assert book.states(mailing_id) == {"queued": GATHERED + 250, "sent": 150}
    assert book.gather(mailing_id)[0].size == 100, "what was not sent is due again"


def test_of_a_worker_that_dies_all_of_it_comes_back_and_only_what_was_marked_is_in_doubt(book: Book) -> None:
    mailing_id = book.accept(GATHERED + 400)
    lease = book.claim(in_order(book)[0])
    came = grow(book, lease, mailing_id)
    assert book.mark(lease, came[0]) == ""
    book.die(lease)
    assert book.states(mailing_id) == {"queued": GATHERED + 399, "unknown": 1}
    assert book.mark(lease, came[1]) == "lost"


def test_one_that_was_taken_away_gets_nothing(book: Book) -> None:
    mailing_id = book.accept(GATHERED + 400)
    lease = book.claim(in_order(book)[0])
    book.run_out(lease)
    assert grow(book, lease, mailing_id, 0) == [], "a sweeper may be about to take it"
    assert book.reap() == 1
    assert grow(book, lease, mailing_id, 0) == []


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # there it saves a round trip
def test_where_nothing_is_due_it_takes_a_batch_over_that_waits(book: Book) -> None:
    mailing_id = book.accept(300)
    first, second, third = in_order(book)
    lease = book.claim(first)
    came = grow(book, lease, mailing_id)
    assert len(came) == 100
    assert [batch.id for batch in book.waiting()] == [third.id]
    assert book.try_to_claim(second) is None, "its job finds nothing to do"
    others = book.claim(third)
    assert grow(book, lease, mailing_id) == [], "what somebody has is theirs"
    book.send(lease, book.inside(lease))
    assert book.close(lease)
    assert book.close(others)
    assert book.states(mailing_id) == {"queued": 100, "sent": 200}


def test_one_of_an_earlier_id_does_not_come(book: Book) -> None:
    """After a death the first of those that wait are suspects: those that a worker had in hand."""
    mailing_id = book.accept(200)
    first, second = in_order(book)
    lease = book.claim(second)
    assert grow(book, lease, mailing_id) == []
    earlier = book.claim(first)
    assert book.close(earlier)
    assert grow(book, lease, mailing_id) == []


def test_whoever_is_tried_alone_does_not_come(book: Book) -> None:
    mailing_id = book.accept(GATHERED + 10)
    lease = book.claim(in_order(book)[0])
    with book.database.begin() as connection:
        connection.execute(
            update(deliveries).where(deliveries.c.due_at.is_not(None)).values(deaths=gather.TRIED_ALONE)
        )
    with book.database.begin_at_once() as connection:
        assert growth.grow(connection, lease, mailing_id, max(book.inside(lease)), 150) is None


@pytest.mark.parametrize("what", ["paused", "held", "others wait"])
def test_nothing_comes_of_a_mailing_that_is(book: Book, what: str) -> None:
    mailing_id = book.accept(GATHERED + 400)
    lease = book.claim(in_order(book)[0])
    last = max(book.inside(lease))
    if what == "others wait":
        book.accept(150)
    else:
        with book.database.begin() as connection:
            if what == "held":
                holding.hold(connection, "somebody asked for it")
            else:
                assert lifecycle.pause(connection, mailing_id)
    assert grow(book, lease, mailing_id, last) == []
    with book.database.begin() as connection:
        holding.release(connection)
