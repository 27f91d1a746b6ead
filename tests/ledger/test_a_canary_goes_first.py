"""The first recipients of a mailing go before the others, which wait for somebody or for a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from mailroom.ledger import suppressions
from mailroom.ledger.batches import gather
from mailroom.ledger.deliveries import actions
from mailroom.ledger.mailings import canary, lifecycle
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import WAITING, MailingState, State
from mailroom.ledger.sweep import clock_jump, due_mailings
from tests.ledger.book import Book

HOUR = timedelta(hours=1)


def places(book: Book, mailing_id: int) -> set[int]:
    """Of its recipients, counted from 0, those that wait in a batch."""
    mine = select(deliveries.c.batch_id, deliveries.c.state).where(deliveries.c.mailing_id == mailing_id)
    with book.database.read() as connection:
        rows = connection.execute(mine.order_by(deliveries.c.id)).all()
    return {place for place, (batch, state) in enumerate(rows) if batch is not None and state in WAITING}


def release(book: Book, mailing_id: int) -> bool:
    with book.database.begin() as connection:
        return canary.release(connection, mailing_id)


def send_all(book: Book) -> None:
    """Every batch that waits."""
    while waiting := book.waiting():
        lease = book.claim(waiting[0])
        book.send(lease, book.inside(lease))
        book.close(lease)


def set_times(book: Book, mailing_id: int, **values: Any) -> None:
    with book.database.begin() as connection:
        connection.execute(update(mailings_table).where(mailings_table.c.id == mailing_id).values(**values))


def due_now(book: Book) -> list[int]:
    """What the sweeper would gather."""
    with book.database.read() as connection:
        return [one for queue in ("urgent", "bulk") for one in due_mailings.due(connection, queue, 100)]


@pytest.mark.parametrize(("total", "first"), [(2, 1), (100, 30), (101, 100), (250, 120), (2_600, 2_505)])
def test_nobody_else_is_gathered_until_somebody_lets_them_go(book: Book, total: int, first: int) -> None:
    """In one batch, in one transaction, in parts: all the same."""
    mailing_id = book.accept(total, canary=first)
    gone: set[int] = set()
    for _ in range(5):
        gone |= places(book, mailing_id)
        send_all(book)
        book.gather(mailing_id)
    assert gone == set(range(first)) and book.states(mailing_id) == {"sent": first, "queued": total - first}
    assert due_now(book) == [], "nobody looks at it in vain"
    assert book.mailing(mailing_id).ended_at is None
    assert release(book, mailing_id) and not release(book, mailing_id)
    assert due_now(book) == [mailing_id]
    for _ in range(30):
        book.gather(mailing_id)
        send_all(book)
    assert book.states(mailing_id) == {"sent": total}
    assert book.mailing(mailing_id).state is MailingState.DONE


def test_what_comes_back_of_the_first_is_gathered_again_and_nobody_else(book: Book) -> None:
    mailing_id = book.accept(10, canary=4)
    lease = book.claim()
    deferred, sent, *_handed_back = book.inside(lease)
    book.trouble(lease, deferred, State.DEFERRED, 0)
    book.send(lease, [sent])
    assert book.close(lease)
    assert [batch.size for batch in book.gather(mailing_id)] == [3]
    book.die(book.claim())
    assert [batch.size for batch in book.gather(mailing_id)] == [3]
    assert places(book, mailing_id) == {0, 2, 3}


def test_the_others_go_by_themselves_when_their_time_has_come(book: Book) -> None:
    mailing_id = book.accept(300, canary=100, canary_wait=900)
    mailing = book.mailing(mailing_id)
    assert abs(mailing.release_at - mailing.created_at - timedelta(seconds=900)) < timedelta(seconds=60)
    assert mailing.next_due_at == mailing.release_at and due_now(book) == []
    assert mailing.expires_at >= mailing.release_at + timedelta(hours=47), "all of their time is left"
    send_all(book)
    set_times(book, mailing_id, release_at=mailing.created_at, next_due_at=mailing.created_at)
    assert due_now(book) == [mailing_id]
    book.gather(mailing_id)
    assert places(book, mailing_id) == set(range(100, 300))
    assert not release(book, mailing_id), "they were let go"


def test_the_wait_counts_from_when_it_begins(book: Book) -> None:
    begins = datetime.now(UTC).replace(microsecond=0) + HOUR
    scheduled = book.accept(300, canary=100, canary_wait=60, send_at=begins)
    assert book.mailing(scheduled).release_at == begins + timedelta(seconds=60)
    undoable = book.mailing(book.accept(3, canary=1, canary_wait=60, undo=600))
    assert undoable.release_at == undoable.send_at + timedelta(seconds=60)


@pytest.mark.parametrize("act", [None, lifecycle.pause])
def test_letting_go_what_has_not_begun_sends_nothing_early(
    book: Book, act: Callable[..., bool] | None
) -> None:
    begins = datetime.now(UTC) + HOUR
    mailing_id = book.accept(3, canary=1, send_at=begins)
    before = book.mailing(mailing_id)
    with book.database.begin() as connection:
        assert act is None or (act(connection, mailing_id) and canary.release(connection, mailing_id))
        assert act is not None or canary.release(connection, mailing_id)
        assert act is None or lifecycle.resume(connection, mailing_id)
        assert due_mailings.start_scheduled(connection) == 0
    row = book.mailing(mailing_id)
    assert (row.state, row.next_due_at) == (MailingState.SCHEDULED, before.next_due_at)
    assert row.expires_at == before.expires_at
    set_times(book, mailing_id, state=MailingState.ACTIVE)
    with book.database.begin() as connection:
        mine = update(deliveries).where(deliveries.c.mailing_id == mailing_id)
        connection.execute(mine.where(deliveries.c.due_at > 0).values(due_at=0))
    book.gather(mailing_id)
    assert places(book, mailing_id) == {0, 1, 2}


def test_cancel_takes_those_back_that_are_held_back(book: Book) -> None:
    mailing_id = book.accept(300, canary=100, canary_wait=900)
    send_all(book)
    with book.database.begin() as connection:
        assert lifecycle.cancel(connection, mailing_id)
        assert not canary.release(connection, mailing_id)
        for one, state in due_mailings.to_be_ended(connection, 10):
            actions.end_due(connection, one, state)
    assert book.states(mailing_id) == {"sent": 100, "canceled": 200}
    assert book.mailing(mailing_id).state is MailingState.CANCELED


def test_whom_nobody_lets_go_expires_and_who_is_let_go_late_has_all_of_the_time(book: Book) -> None:
    forgotten, late = (book.accept(3, canary=1) for _ in range(2))
    send_all(book)
    for one in (forgotten, late):
        assert book.mailing(one).next_due_at == book.mailing(one).expires_at
        row = book.mailing(one)
        shifted = {
            name: getattr(row, name) - 50 * HOUR for name in ("created_at", "expires_at", "next_due_at")
        }
        set_times(book, one, **shifted)
    assert release(book, late)
    with book.database.begin() as connection:
        ended = due_mailings.to_be_ended(connection, 10)
        assert ended == [(forgotten, State.EXPIRED)]
        actions.end_due(connection, *ended[0])
    assert book.states(forgotten) == {"sent": 1, "expired": 2}
    row = book.mailing(late)
    assert row.expires_at - row.release_at == 48 * HOUR


def test_of_nobody_or_of_all_there_is_no_canary(book: Book) -> None:
    for first in (0, 5, 6):
        mailing_id = book.accept(5, canary=first, canary_wait=60)
        assert places(book, mailing_id) == set(range(5))
        row = book.mailing(mailing_id)
        assert (row.canary, row.release_at) == (None, None) and not release(book, mailing_id)


def test_who_is_suppressed_among_the_first_is_replaced_by_nobody(book: Book) -> None:
    with book.database.begin() as connection:
        suppressions.add(connection, ["p0@mail.example", "p3@mail.example"])
    mailing_id = book.accept(4, canary=2)
    assert places(book, mailing_id) == {1}
    send_all(book)
    assert release(book, mailing_id)
    book.gather(mailing_id)
    assert places(book, mailing_id) == {2}
    send_all(book)
    assert book.mailing(mailing_id).state is MailingState.DONE


def test_a_clock_that_is_set_back_changes_nobodys_turn(book: Book) -> None:
    mailing_id = book.accept(3, canary=1, canary_wait=900)
    let_go = book.accept(3, canary=1)
    assert release(book, let_go)
    until = {one: book.mailing(one).release_at for one in (mailing_id, let_go)}
    with book.database.begin() as connection:
        clock_jump.set_back(connection, 600_000)
    for one, before in until.items():
        assert before - book.mailing(one).release_at == timedelta(seconds=600)
    assert len(book.gather(let_go)) == 1 and book.gather(mailing_id) == []
    assert places(book, mailing_id) == {0}


def test_a_mailing_that_holds_nobody_back_waits_since_it_was_made_and_not_since_ever(book: Book) -> None:
    """Else those that were let go would go before everybody else's mail for good."""
    mailing_id = book.accept(300, canary=10)
    assert release(book, mailing_id)
    with book.database.begin() as connection:
        gather.gather(connection, mailing_id, 1)
    row = book.mailing(mailing_id)
    assert row.next_due_at == row.created_at
