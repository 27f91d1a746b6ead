"""Drafts in the ledger: nothing that stood for a while is lost, nothing is kept twice, and all of it ends."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import Connection, delete, func, select, update

from mailroom.database.engine import Database
from mailroom.ledger.drafts import contents_of_drafts, room, stored, versions
from mailroom.ledger.drafts.kept_fields import Blob, DraftFile, KeptFields, shortened
from mailroom.ledger.drafts.room import DraftsFull
from mailroom.ledger.drafts.stored import ChangedElse, DraftSent, StoredDraft, Writing
from mailroom.ledger.drafts.versions import APART, Reason
from mailroom.ledger.people import users
from mailroom.ledger.schema import contents, draft_blobs, drafts
from tests.ledger.book import Book

UID = "6a0f3c5e-9f0d-4c39-8d55-1b6f3d1f8a11"
FILE = bytes(range(256)) * 1_200  # more than goes with its row


@pytest.fixture
def ann(database: Database) -> int:
    with database.begin() as connection:
        return users.add(connection, "ann@example.org", None).id


@pytest.fixture
def connection(database: Database, ann: int) -> Iterator[Connection]:
    with database.begin() as connection:
        yield connection


def says(text: str, ann: int | None = None, file: bytes = b"", **more: object) -> Writing:
    fields, blobs = shortened([("subject", text[:20]), ("text", text)])
    files: tuple[DraftFile, ...] = ()
    if file:
        blob = Blob(sha256(file).hexdigest(), len(file), lambda size: [file])
        blobs[blob.digest] = blob
        files = (DraftFile("kept_attachments", "t", "a.bin", "a/b", blob.size, blob.digest),)
    kept = KeptFields(tuple(fields), files)
    return Writing(kept, blobs, text[:20], user_id=ann, **more)  # type: ignore[arg-type]


def found(connection: Connection, uid: str = UID) -> StoredDraft:
    draft = stored.find(connection, uid, to_change=True)
    assert draft is not None
    return draft


def write(connection: Connection, writing: Writing, reason: Reason | None = None) -> StoredDraft:
    return stored.change(connection, found(connection), writing, revision=None, reason=reason)


def text_of(connection: Connection, form: KeptFields, uid: str = UID) -> str:
    return dict(contents_of_drafts.texts(connection, found(connection, uid).id, form))["text"]


def pass_by(connection: Connection, time: timedelta) -> None:
    """As if all that was done had been done earlier."""
    for column in (drafts.c.updated_at, drafts.c.version_at, drafts.c.created_at):
        for draft_id, at in connection.execute(select(drafts.c.id, column)).all():
            if at is not None:
                connection.execute(update(drafts).where(drafts.c.id == draft_id).values({column: at - time}))


def said(connection: Connection) -> list[tuple[str, str]]:
    """Of all versions, the oldest first."""
    known = versions.versions_of_draft(connection, found(connection).id)[::-1]
    return [(text_of(connection, one.form), one.reason) for one in known]


def blobs_of(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(draft_blobs)).scalar_one()


def test_what_stood_for_a_minute_is_a_version_once_it_is_changed(connection: Connection, ann: int) -> None:
    stored.add(connection, UID, says("a", ann))
    write(connection, says("ab"))
    write(connection, says("abc"))
    assert said(connection) == []
    pass_by(connection, APART)
    write(connection, says("gone"))
    write(connection, says("gone again"))
    assert said(connection) == [("abc", "pause")]
    write(connection, says("checked"), Reason.CHECK)
    write(connection, says("checked"), Reason.TEST)
    write(connection, says("checked"), Reason.CHECK)
    assert said(connection) == [("abc", "pause"), ("checked", "test")]


def test_nothing_is_lost_by_restoring(connection: Connection, ann: int) -> None:
    stored.add(connection, UID, says("first " * 300, ann))
    write(connection, says("second"), Reason.CHECK)
    pass_by(connection, APART)
    write(connection, says("third " * 300))
    assert stored.restore(connection, found(connection), 1, ann)
    draft = found(connection)
    assert (text_of(connection, draft.form), draft.subject) == ("second", "second")
    assert [text for text, _ in said(connection)] == ["second", "third " * 300]
    assert stored.restore(connection, draft, 2, ann)
    assert text_of(connection, found(connection).form) == "third " * 300
    assert not stored.restore(connection, found(connection), 99, ann)


def test_files_and_long_texts_are_kept_once_and_go_with_the_last_that_has_them(
    connection: Connection, ann: int
) -> None:
    long = "x" * 200_000
    stored.add(connection, UID, says(long, ann, FILE))
    for word in ("a", "b"):
        pass_by(connection, APART)
        write(connection, says(long, ann, FILE, recipients=len(word)))
        bare = says(long, ann, FILE)
        write(connection, Writing(bare.form._replace(fields=(*bare.form.fields, (word, word)))))
    assert blobs_of(connection) == 2
    draft = found(connection)
    octets = connection.execute(select(drafts.c.octets)).scalar_one()
    assert 200_000 + len(FILE) < octets < 202_000 + len(FILE)
    kept = contents_of_drafts.slices(connection, draft.id, draft.form.files[0].digest, 1 << 20)
    assert b"".join(kept) == FILE
    for number in range(versions.MOST_VERSIONS + 1):
        write(connection, says(f"{number}"), Reason.CHECK)
    assert blobs_of(connection) == 0
    assert [text for text, _ in said(connection)] == [str(n) for n in range(1, versions.MOST_VERSIONS + 1)]


def test_what_somebody_else_wrote_is_not_overwritten(connection: Connection, ann: int) -> None:
    seen = stored.add(connection, UID, says("a", ann, writer="one", writes=1)).revision
    stored.change(connection, found(connection), says("b", writer="two", writes=1), revision=seen)
    with pytest.raises(ChangedElse):
        stored.change(connection, found(connection), says("c", writer="one", writes=2), revision=seen)
    stored.change(connection, found(connection), says("b", writer="one", writes=3), revision=seen)
    assert text_of(connection, found(connection).form) == "b"


def test_an_answer_that_was_lost_makes_nobody_a_stranger_to_their_own_words(
    connection: Connection, ann: int
) -> None:
    seen = stored.add(connection, UID, says("a", ann, writer="one", writes=1)).revision
    for _ in range(2):  # the answer to the first is lost
        stored.change(connection, found(connection), says("ab", writer="one", writes=2), revision=seen)
    stored.change(connection, found(connection), says("abc", writer="one", writes=4), revision=seen)
    stored.change(connection, found(connection), says("ab?", writer="one", writes=3), revision=seen)
    assert text_of(connection, found(connection).form) == "abc", (
        "what was overtaken on its way changes nothing"
    )


def test_a_copy_has_all_of_it_and_does_not_need_the_other_one(connection: Connection, ann: int) -> None:
    stored.add(connection, UID, says("x" * 5_000, ann, FILE))
    write(connection, says("y" * 5_000, ann, FILE), Reason.CHECK)
    other = str(uuid.uuid4())
    stored.duplicate(connection, found(connection), other, ann, "Another")
    assert stored.remove(connection, found(connection).id)
    copy = found(connection, other)
    assert (copy.name, text_of(connection, copy.form, other), blobs_of(connection)) == (
        "Another",
        "y" * 5_000,
        2,
    )


def test_it_becomes_one_mailing_and_stays_as_it_was_sent(database: Database, ann: int) -> None:
    book = Book(database)
    first, second = book.accept(1), book.accept(1)
    with database.begin() as connection:
        stored.add(connection, UID, says("a", ann))
        assert stored.turn_into(connection, UID, first) is None
        assert stored.turn_into(connection, UID, second) == first
        assert stored.page(connection, limit=9) == []
        assert stored.uid_of_mailing(connection, first) == UID
        with pytest.raises(DraftSent):
            write(connection, says("b"))
        assert stored.turn_into(connection, "no such draft", second) is None


def test_it_goes_with_what_its_mailing_said_and_after_its_time(database: Database, ann: int) -> None:
    mailing = Book(database).accept(1)
    with database.begin() as connection:
        stored.add(connection, UID, says("a", ann, FILE))
        stored.add(connection, str(uuid.uuid4()), says("b", ann))
        stored.turn_into(connection, UID, mailing)
        assert not room.has_old(connection) and room.drop_old(connection) == 0
        connection.execute(delete(contents).where(contents.c.mailing_id == mailing))
        assert room.has_old(connection) and room.drop_old(connection) == 1
        assert (stored.find(connection, UID), blobs_of(connection)) == (None, 0)
        pass_by(connection, room.DRAFT_KEPT + timedelta(minutes=1))
        assert room.has_old(connection) and room.drop_old(connection) == 1
        assert not room.has_old(connection) and stored.page(connection, limit=9) == []


def test_there_is_an_end_to_how_much_is_kept(
    database: Database, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_DRAFTS", 3)
    monkeypatch.setattr(room, "MOST_OF_DRAFTS", 2 * len(FILE))
    mailing = Book(database).accept(1)

    def add(writing: Writing, program_id: int | None = None) -> str:
        uid = str(uuid.uuid4())
        with database.begin() as connection:
            stored.add(connection, uid, writing, program_id=program_id)
        return uid

    sent = add(says("a", ann))
    with database.begin() as connection:
        stored.turn_into(connection, sent, mailing)
    first = add(says("b", ann, FILE))
    for text in ("c", "d"):
        add(says(text, ann))
    with database.read() as connection:
        assert stored.find(connection, sent) is None, "what was sent makes room"
    with pytest.raises(DraftsFull, match="3 drafts"):
        add(says("e", ann))
    with database.begin() as connection:
        stored.remove(connection, found(connection, first).id)
    add(says("f", ann, FILE))
    with pytest.raises(DraftsFull, match="0 MB"), database.begin() as connection:
        last = stored.page(connection, limit=1)[0]
        stored.change(connection, found(connection, last.uid), says("g", ann, FILE + FILE), revision=None)
    add(says("h"), program_id=7)
    with database.read() as connection:
        assert [one.subject for one in stored.page(connection, limit=9)] == ["h", "f", "d", "c"]
