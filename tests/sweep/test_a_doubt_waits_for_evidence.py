"""The policy `evidence`: an unknown mail waits some minutes for what settles it, then is sent once more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailroom.ledger import moves
from mailroom.ledger.batches import batches
from mailroom.ledger.deliveries import actions, tries
from mailroom.ledger.states import State
from tests.ledger.book import Book

MINUTES = 7
EVIDENCE: dict[str, Any] = {"if_unknown": "evidence", "evidence_wait": timedelta(minutes=MINUTES)}


def waits(book: Book, delivery_id: int) -> float:
    """Minutes between its last change and its next try."""
    row = book.delivery(delivery_id)
    assert row.state is State.UNKNOWN
    return float((row.due_at - row.updated_at) / 60_000)


def doubt(book: Book, how: str) -> tuple[int, int]:
    """A mailing to one of whose mail nobody knows whether it arrived."""
    if how == "its worker died":
        mailing_id, _, delivery_id = book.in_doubt(**EVIDENCE)
    else:
        mailing_id, lease, delivery_id = book.marked(**EVIDENCE)
        book.trouble(lease, delivery_id, State.UNKNOWN, batches.LEASE_MS)
        book.close(lease)
    return mailing_id, delivery_id


@pytest.mark.parametrize("how", ["its worker died", "its session broke after the dot"])
def test_it_waits_its_time_and_is_then_sent_once_more(book: Book, how: str) -> None:
    mailing_id, delivery_id = doubt(book, how)
    assert abs(waits(book, delivery_id) - MINUTES) < 0.1
    assert book.gather(mailing_id) == [], "not yet"
    assert book.mailing(mailing_id).ended_at is None
    book.make_due(mailing_id)
    lease = book.mark_again(mailing_id, delivery_id)
    book.die(lease)
    row = book.delivery(delivery_id)
    assert (row.state, row.due_at, row.resends) == (State.UNKNOWN, None, 1), "once; now a person decides"
    assert book.mailing(mailing_id).ended_at is not None


def test_what_settles_it_meanwhile_spares_the_copy(book: Book) -> None:
    mailing_id, delivery_id = doubt(book, "its worker died")
    with book.database.begin() as connection:
        assert tries.record_late(connection, delivery_id, 250, "2.0.0 Ok")
    assert book.delivery(delivery_id).due_at is None
    assert book.states(mailing_id) == {"sent": 1} and book.mailing(mailing_id).ended_at is not None


def test_a_deferral_does_not_wait_for_evidence(book: Book) -> None:
    _, lease, delivery_id = book.marked(**EVIDENCE)
    book.trouble(lease, delivery_id, State.DEFERRED, 60_000)
    row = book.delivery(delivery_id)
    assert row.due_at - row.updated_at < 2 * 60_000
    book.close(lease)


def test_a_person_need_not_wait(book: Book) -> None:
    mailing_id, delivery_id = doubt(book, "its worker died")
    with book.database.begin() as connection:
        assert actions.change(connection, delivery_id, moves.RESEND)
    assert waits(book, delivery_id) < 0.1
    assert len(book.gather(mailing_id)) == 1
