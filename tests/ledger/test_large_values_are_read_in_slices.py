"""Files and whole messages are read in slices, on both databases, and are what was written."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import insert

from mailroom.database import blobs
from mailroom.database.engine import Database
from mailroom.ledger.mailings import contents, originals
from mailroom.ledger.schema import attachments
from tests.ledger.book import Book

SIZE = 100_000
LENGTHS = (0, 1, SIZE - 1, SIZE, SIZE + 1, 3 * SIZE, blobs.READ_WHOLE, blobs.READ_WHOLE + 1)
DATA = [random.Random(length).randbytes(length) for length in LENGTHS]


@pytest.fixture
def mailing_id(database: Database) -> int:
    mailing_id = Book(database).accept(1)
    of_all = {"mailing_id": mailing_id, "content_type": "a/b"}
    with database.begin() as connection:
        files = [{**of_all, "filename": f"{len(data)}", "data": data} for data in DATA]
        connection.execute(insert(attachments), files)
    return mailing_id


def test_a_file_is_read_slice_by_slice(database: Database, mailing_id: int) -> None:
    with database.read() as connection:
        found = contents.sliced_files_of(connection, mailing_id)
        assert [file.filename for file in found] == [str(length) for length in LENGTHS]
        for file, data in zip(found, DATA, strict=True):
            pieces = list(file.slices(SIZE))
            assert b"".join(pieces) == data
            assert all(0 < len(piece) <= SIZE for piece in pieces)


def test_so_is_a_large_whole_message(database: Database) -> None:
    book = Book(database)
    wholes = {book.accept(1): data for data in DATA}
    with database.begin() as connection:
        for mailing_id, data in wholes.items():
            originals.insert_one(connection, mailing_id, "a@example.org", data)
    with database.read() as connection:
        found = originals.sliced(connection, list(wholes), SIZE)
        assert {key: (sender, b"".join(octets)) for key, (sender, octets) in found.items()} == {
            key: ("a@example.org", data) for key, data in wholes.items()
        }
