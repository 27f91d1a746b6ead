"""A mailing whose content is deleted: nothing of it is queued again, and what is under way goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete

from mailroom.content.recipients.parsed import Recipient
from mailroom.content.whole.original import read_original
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger import moves, states
from mailroom.ledger.deliveries import actions, bulk_actions
from mailroom.ledger.mailings import contents
from mailroom.ledger.schema import contents as contents_table
from mailroom.ledger.schema import originals
from tests.ledger.book import Book

WHOLE = b"From: post@mailroom.example\r\nTo: ann@mail.example\r\nSubject: Whole\r\n\r\nAs it came.\r\n"


@pytest.fixture
def book(database: Database) -> Book:
    return Book(database)


def ended(book: Book, count: int, state: states.State) -> tuple[int, list[int]]:
    """A mailing of which all deliveries ended so."""
    mailing_id = book.accept(count, if_unknown="hold")
    lease = book.claim()
    ids = book.inside(lease)
    for id_ in ids:
        book.mark(lease, id_)
        book.trouble(lease, id_, state)
    book.close(lease)
    return mailing_id, ids


def forget(book: Book) -> None:
    with book.database.begin() as connection:
        connection.execute(delete(contents_table))


@pytest.mark.parametrize(
    ("state", "move"), [(states.FAILED, moves.RETRY), (states.UNKNOWN, moves.RESEND)], ids=["retry", "resend"]
)
def test_one_is_refused_with_the_reason(book: Book, state: states.State, move: moves.Move) -> None:
    mailing_id, (first, _) = ended(book, 2, state)
    forget(book)
    before = book.delivery(first), book.mailing(mailing_id)
    with pytest.raises(actions.ContentGone, match="not kept any more"), book.database.begin() as connection:
        actions.change(connection, first, move)
    with pytest.raises(actions.ContentGone), book.database.begin() as connection:
        bulk_actions.decide(connection, mailing_id, move.name)
    assert (book.delivery(first), book.mailing(mailing_id)) == before
    book.check()


def test_what_sends_nothing_is_still_possible(book: Book) -> None:
    mailing_id, (first, _) = ended(book, 2, states.UNKNOWN)
    forget(book)
    with book.database.begin() as connection:
        assert actions.change(connection, first, moves.CONFIRM)
        assert bulk_actions.decide(connection, mailing_id, bulk_actions.CONFIRM_ALL) == 1
    assert book.states(mailing_id) == {"sent": 2}
    book.check()


def test_a_decision_under_way_ends_when_its_content_is_deleted(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOVED_AT_ONCE", 2)
    mailing_id, _ = ended(book, 5, states.FAILED)
    with book.database.begin() as connection:
        decided = bulk_actions.decide(connection, mailing_id, bulk_actions.RETRY_ALL)
        assert isinstance(decided, bulk_actions.Decision)
    forget(book)
    with book.database.begin() as connection:
        assert not bulk_actions.carry_on(connection, mailing_id, bulk_actions.RETRY_ALL)
        assert bulk_actions.of_mailing(connection, mailing_id) == []
    assert book.states(mailing_id) == {"queued": 2, "failed": 3}
    book.check()


def test_a_whole_message_is_gone_with_its_original(book: Book) -> None:
    original = read_original(
        WHOLE,
        envelope_sender="bounces@mailroom.example",
        uid="1",
        date=datetime.now(UTC),
        trace="from a test",
    )
    submission = Submission(original.content, [Recipient("ann@mail.example")], original=original)
    mailing_id = accept(book.database, book.queue, submission).mailing_id
    with book.database.begin() as connection:
        assert contents.gone(connection, mailing_id) is None
        connection.execute(delete(originals))
        assert contents.gone(connection, mailing_id) == contents.CONTENT_IS_DELETED
