"""Files and whole messages are written and read in slices, on both databases, and are what was given."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import DBAPIError

from mailroom.content.content import Content, DistantAttachment
from mailroom.content.recipients.parsed import Recipient
from mailroom.database import blobs
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.mailings import contents, originals
from mailroom.ledger.mailings.contents import SlicedFile
from mailroom.ledger.schema import attachments, mailings
from mailroom.queue import Queue
from tests.ledger.book import Book
from tests.system import SENDER

SIZE = 100_000
NOWHERE = "redis://127.0.0.1:1/0"
LENGTHS = (0, 1, SIZE - 1, SIZE, SIZE + 1, 3 * SIZE, blobs.READ_WHOLE, blobs.READ_WHOLE + 1)
DATA = [random.Random(length).randbytes(length) for length in LENGTHS]


def in_slices(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def add(database: Database, files: list[SlicedFile]) -> int:
    """The id of a mailing, accepted with these files."""
    content = Content(SENDER, "Files", text="Here they are.", attachments=tuple(map(_attachment, files)))
    submission = Submission(content, [Recipient("ann@mail.example")])
    return accept(database, Queue(NOWHERE), submission).mailing_id


def _attachment(file: SlicedFile) -> DistantAttachment:
    return DistantAttachment(
        file.filename, file.content_type, b"", file.content_id, length=file.size, read=file.slices
    )


def test_a_file_is_written_and_read_slice_by_slice(database: Database) -> None:
    given = [
        SlicedFile(f"ü\t'{len(data)}", "a/b", content_id, len(data), partial(in_slices, data))
        for data in DATA
        for content_id in (None, "picture-ü")
    ]
    mailing_id = add(database, given)
    with database.read() as connection:
        found = contents.sliced_files_of(connection, mailing_id)
        assert [file[:4] for file in found] == [file[:4] for file in given]
        for file, wanted in zip(found, given, strict=True):
            pieces = list(file.slices(SIZE))
            assert b"".join(pieces) == b"".join(wanted.slices(SIZE))
            assert all(0 < len(piece) <= SIZE for piece in pieces)
        whole = select(attachments.c.data).where(attachments.c.mailing_id == mailing_id)
        in_order = connection.execute(whole.order_by(attachments.c.id)).scalars().all()
        assert in_order == [data for data in DATA for _ in range(2)]


@pytest.mark.parametrize("missing", [1, -1])
def test_a_file_that_changes_its_size_is_not_accepted(database: Database, missing: int) -> None:
    data = DATA[-1]
    wrong = SlicedFile("file", "a/b", None, len(data) + missing, partial(in_slices, data))
    with pytest.raises((ValueError, DBAPIError)):
        add(database, [wrong])
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(mailings)).scalar_one() == 0


def test_a_message_that_is_wanted_whole_is_read_in_few_slices(database: Database) -> None:
    data = random.Random(1).randbytes(25_000_000)
    mailing_id = Book(database).accept(1)
    asked: list[object] = []
    with database.begin() as connection:
        originals.insert_one(connection, mailing_id, "a@example.org", len(data), (data,))
    with database.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *of: asked.append(of[2]), named=False)
        assert originals.of(connection, mailing_id) == data
    assert len(asked) < 10


def test_so_is_a_large_whole_message(database: Database) -> None:
    book = Book(database)
    wholes = {book.accept(1): data for data in DATA}
    with database.begin() as connection:
        for mailing_id, data in wholes.items():
            originals.insert_one(connection, mailing_id, "a@example.org", len(data), (data,))
    with database.read() as connection:
        found = originals.sliced(connection, list(wholes), SIZE)
        assert {key: (sender, b"".join(octets)) for key, (sender, octets) in found.items()} == {
            key: ("a@example.org", data) for key, data in wholes.items()
        }
