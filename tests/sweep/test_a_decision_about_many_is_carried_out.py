"""What a person decides for all of a large mailing goes on in steps, by whoever sweeps, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from mailroom.database.clock import now_millis
from mailroom.database.engine import Database
from mailroom.engine import sweeper
from mailroom.engine.sweeper import Sweeper
from mailroom.ledger import states
from mailroom.ledger.deliveries import actions, bulk_actions
from mailroom.ledger.deliveries.bulk_actions import Decision
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.schema import sweeper as sweeper_table
from tests.ledger.book import Book
from tests.servers import Valkey

STEP = 4


@pytest.fixture
def book(database: Database, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Book:
    monkeypatch.setattr(actions, "MOVED_AT_ONCE", STEP)
    return Book(database)


def ended(book: Book, count: int, state: states.State) -> int:
    """A mailing of which all deliveries ended so."""
    mailing_id = book.accept(count, if_unknown="hold")
    while waiting := book.waiting():
        lease = book.claim(waiting[0])
        for id_ in book.inside(lease):
            book.mark(lease, id_)
            book.trouble(lease, id_, state)
        book.close(lease)
    assert book.mailing(mailing_id).ended_at is not None
    return mailing_id


def decide(book: Book, mailing_id: int, move: str) -> Decision | int:
    with book.database.begin() as connection:
        return bulk_actions.decide(connection, mailing_id, move)


def carry_on(book: Book, mailing_id: int, move: str) -> bool:
    with book.database.begin() as connection:
        return bulk_actions.carry_on(connection, mailing_id, move)


def under_way(book: Book) -> list[tuple[str, int]]:
    with book.database.read() as connection:
        return [(one.move, one.moved) for one in bulk_actions.under_way(connection, 10)]


@pytest.mark.parametrize(
    ("before", "move", "after"),
    [
        (states.FAILED, bulk_actions.RETRY_ALL, states.QUEUED),
        (states.UNKNOWN, bulk_actions.CONFIRM_ALL, states.SENT),
        (states.UNKNOWN, bulk_actions.RESEND_ALL, states.UNKNOWN),
    ],
)
def test_it_goes_on_step_by_step_until_all_had_their_turn(
    book: Book, before: states.State, move: str, after: states.State
) -> None:
    mailing_id = ended(book, 10, before)
    first = decide(book, mailing_id, move)
    assert isinstance(first, Decision) and first.moved == STEP
    assert under_way(book) == [(move, STEP)]
    assert carry_on(book, mailing_id, move)
    assert under_way(book) == [(move, 2 * STEP)]
    assert not carry_on(book, mailing_id, move), "these were all"
    assert under_way(book) == []
    assert book.states(mailing_id) == {after: 10}
    book.check()


def test_what_fails_again_meanwhile_is_not_tried_for_ever(book: Book) -> None:
    mailing_id = ended(book, 6, states.FAILED)
    decide(book, mailing_id, bulk_actions.RETRY_ALL)
    (batch,) = book.gather(mailing_id)
    lease = book.claim(batch)
    for id_ in book.inside(lease):
        book.trouble(lease, id_, states.FAILED)
    book.close(lease)
    assert not carry_on(book, mailing_id, bulk_actions.RETRY_ALL)
    assert book.states(mailing_id) == {"failed": STEP, "queued": 2}
    book.check()


def test_the_mailing_does_not_end_before_it(book: Book) -> None:
    mailing_id = ended(book, 6, states.FAILED)
    decide(book, mailing_id, bulk_actions.RETRY_ALL)
    (batch,) = book.gather(mailing_id)
    lease = book.claim(batch)
    for id_ in book.inside(lease):
        book.mark(lease, id_)
        book.sent(lease, id_)
    book.close(lease)
    assert book.mailing(mailing_id).ended_at is None, "two more are to come"
    carry_on(book, mailing_id, bulk_actions.RETRY_ALL)
    assert book.states(mailing_id) == {"sent": STEP, "queued": 2}
    book.check()


def test_a_cancellation_ends_what_would_send_more(book: Book) -> None:
    mailing_id = ended(book, 10, states.FAILED)
    decide(book, mailing_id, bulk_actions.RETRY_ALL)
    with book.database.begin() as connection:
        lifecycle.cancel(connection, mailing_id)
        actions.end_due(connection, mailing_id, states.CANCELED)
    assert not carry_on(book, mailing_id, bulk_actions.RETRY_ALL)
    assert book.states(mailing_id) == {"failed": 6, "canceled": STEP}
    assert book.mailing(mailing_id).ended_at is not None
    book.check()


def test_twice_is_no_more_than_once(book: Book) -> None:
    mailing_id = ended(book, 10, states.FAILED)
    decide(book, mailing_id, bulk_actions.RETRY_ALL)
    assert isinstance(decide(book, mailing_id, bulk_actions.RETRY_ALL), Decision)
    assert decide(book, mailing_id, bulk_actions.RETRY_ALL) == 2
    assert not carry_on(book, mailing_id, bulk_actions.RETRY_ALL)
    assert book.states(mailing_id) == {"queued": 10}
    book.check()


def test_the_sweeper_carries_it_out(book: Book, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "ENDS_FOR", 30.0)  # all in one round, however busy the machine is
    mailing_id = ended(book, 50, states.FAILED)
    decide(book, mailing_id, bulk_actions.RETRY_ALL)
    book.queue = type(book.queue)(valkey.url)
    round_ = Sweeper(book.database, book.queue, "ann", {"": "sink:25"})
    assert not round_.round(), "the first one only makes the sweeper's row"
    with book.database.begin() as connection:
        connection.execute(update(sweeper_table).values(swept_at=now_millis() - 2_000))
    assert round_.round()
    assert under_way(book) == []
    with book.database.read() as connection:
        gathered = select(deliveries.c.id).where(
            deliveries.c.batch_id.is_not(None), deliveries.c.state == "queued"
        )
        assert len(connection.execute(gathered).all()) == 50, "and all of it is on its way"
    assert book.mailing(mailing_id).state == "active"
    book.check()


def test_a_mailing_that_is_deleted_takes_it_along(book: Book) -> None:
    mailing_id = ended(book, 6, states.FAILED)
    decide(book, mailing_id, bulk_actions.RETRY_ALL)
    with book.database.begin() as connection:
        connection.execute(deliveries.delete())
        connection.execute(mailings_table.delete().where(mailings_table.c.id == mailing_id))
    assert under_way(book) == []
