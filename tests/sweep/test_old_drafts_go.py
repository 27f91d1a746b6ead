"""Drafts whose time is over are swept away by themselves, with all that belongs to them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from mailroom.engine.sweeper import Sweeper
from mailroom.ledger.drafts import room, stored
from mailroom.ledger.drafts.versions import Reason
from mailroom.ledger.schema import draft_blobs, draft_versions, drafts
from tests.ledger.book import Book
from tests.ledger.test_drafts_keep_what_they_were import UID, found, says, write


def test_they_go_after_their_time_and_not_before(book: Book) -> None:
    with book.database.begin() as connection:
        stored.add(connection, UID, says("a" * 5_000))
        write(connection, says("b" * 5_000), Reason.CHECK)
    Sweeper(book.database, book.queue, "one").round()
    with book.database.begin() as connection:
        at = found(connection).updated_at - room.DRAFT_KEPT - timedelta(seconds=1)
        connection.execute(update(drafts).values(updated_at=at))
    Sweeper(book.database, book.queue, "one").round()
    with book.database.read() as connection:
        tables = (drafts, draft_versions, draft_blobs)
        left = [connection.execute(select(func.count()).select_from(one)).scalar_one() for one in tables]
    assert left == [0, 0, 0]
