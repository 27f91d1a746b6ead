"""Single mails that wait fill one batch after the other: who asks what became of one of them, as programs do
again and again, does not read all others.
"""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select, true

from mailroom.ledger.mailings import counters, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import State
from tests.ledger.book import Book
from tests.ledger.plans import plans_of


def found(connection: Connection, mailing_id: int) -> Mailing:
    uid = connection.execute(
        select(mailings_table.c.uid).where(mailings_table.c.id == mailing_id)
    ).scalar_one()
    mailing = mailings.by_uid(connection, uid, true())
    assert mailing is not None
    return mailing


def test_its_own_deliveries_are_read_and_not_what_batches_hold(book: Book) -> None:
    for number in range(40):
        book.accept([f"p{number}@mail.example"])
    plans = plans_of(book.database, lambda connection: found(connection, 40))
    (plan,) = (plan for sql, plan in plans if "FROM deliveries" in sql)
    assert "ix_deliveries_mailing_id_id" in plan and "ix_deliveries_batch_id" not in plan, plan


def test_of_a_large_one_what_batches_hold_is_read(book: Book) -> None:
    large = book.accept(counters.SMALL_TOTAL + 1)
    plans = plans_of(book.database, lambda connection: found(connection, large))
    (plan,) = (plan for sql, plan in plans if "FROM deliveries" in sql)
    assert "ix_deliveries_batch_id" in plan and "ix_deliveries_mailing_id_id" not in plan, plan


@pytest.mark.parametrize("is_small", [True, False])
def test_both_ways_count_the_same(book: Book, is_small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_small:
        monkeypatch.setattr(counters, "SMALL_TOTAL", 0)
    mailing_id, other = book.accept(250), book.accept(3)
    first, *_ = book.waiting()
    lease = book.claim(first)
    ids = book.inside(lease)
    book.send(lease, ids[:30])
    assert book.mark(lease, ids[30]) == ""
    with book.database.read() as connection:
        (late, early) = mailings.several(connection, [mailing_id, other])
        assert found(connection, mailing_id).counts == early.counts
    assert early.counts[State.SENT] == 30 and early.counts[State.SENDING] == 1
    assert early.counts[State.QUEUED] == 219 and late.counts[State.QUEUED] == 3
    book.close(lease)
    with book.database.read() as connection:
        assert found(connection, mailing_id).counts[State.SENT] == 30
