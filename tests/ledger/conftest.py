"""`book`: a ledger, and whoever writes in it. After each test its counters agree with its rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailroom.database.engine import Database
from tests.ledger.book import Book


@pytest.fixture
def book(database: Database) -> Iterator[Book]:
    book = Book(database)
    yield book
    book.check()
