"""A connection that is kept for both reads one picture, and waits for nobody while it does."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from mailroom.database.engine import Database
from mailroom.database.statement import Statement
from mailroom.ledger.schema import deliveries
from tests.ledger.book import Book

HOW_MANY = Statement(select(func.count()).select_from(deliveries))


def test_reads_what_they_and_others_wrote(database: Database, database_url: str) -> None:
    book = Book(Database(database_url))  # another process
    book.accept(2)
    with database.begin_often() as connection:
        connection.execute(deliveries.update().values(name="Ann"))
    with database.read_often() as connection:
        named = connection.execute(select(deliveries.c.name).distinct()).scalars().all()
        book.accept(3)  # nobody waits for a reader
        assert named == ["Ann"]
        assert HOW_MANY.one(connection) == (2,)
    with database.read_often() as connection:
        assert HOW_MANY.one(connection) == (5,), "the next picture is a new one"


@pytest.mark.parametrize("fails_in", ["read_often", "begin_often"])
def test_goes_on_after_an_error(database: Database, fails_in: str) -> None:
    book = Book(database)
    book.accept(2)
    with pytest.raises(ZeroDivisionError), getattr(database, fails_in)():
        raise ZeroDivisionError
    with database.begin_often() as connection:
        connection.execute(deliveries.update().values(name="Ann"))
    with database.begin() as connection:
        assert connection.execute(select(deliveries.c.name).distinct()).scalars().all() == ["Ann"]
    with database.read_often() as connection:
        assert HOW_MANY.one(connection) == (2,)
