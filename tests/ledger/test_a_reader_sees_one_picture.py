"""What is committed while somebody reads does not tear their picture."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, delete, func, select

from mailroom.database import group_commit
from mailroom.database.engine import Database
from mailroom.database.statement import Statement
from mailroom.ledger.schema import deliveries
from tests.ledger.book import Book


def test_two_questions_in_a_row_agree(database: Database) -> None:
    book = Book(database)
    book.accept(2)
    how_many = select(func.count()).select_from(deliveries)
    with database.read() as connection:
        before = connection.execute(how_many).scalar_one()
        book.accept(3)
        assert connection.execute(how_many).scalar_one() == before == 2
    with database.read() as connection:
        assert connection.execute(how_many).scalar_one() == 5, "the next picture is a new one"


def test_so_do_two_that_the_driver_runs_by_itself(database: Database) -> None:
    book = Book(database)
    book.accept(2)
    how_many = Statement(select(func.count()).select_from(deliveries))
    with database.read() as connection:
        before = how_many.one(connection)
        book.accept(3)
        assert how_many.one(connection) == before == (2,)
    with database.read() as connection:
        assert how_many.one(connection) == (5,)


def test_a_lookup_finds_only_what_is_committed(database: Database) -> None:
    book = Book(database)
    book.accept(2)
    how_many = Statement(select(func.count()).select_from(deliveries))

    def remove(connection: Connection) -> tuple[object, ...] | None:
        connection.execute(delete(deliveries))
        return database.look(how_many)

    def fail(connection: Connection) -> None:
        remove(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        group_commit.write(database, fail)
    assert database.look(how_many) == (2,)
    assert group_commit.write(database, remove) == (2,), "its own connection is in the transaction"
    assert database.look(how_many) == (0,)


def test_a_lookup_sees_what_others_have_committed(database: Database, database_url: str) -> None:
    how_many = Statement(select(func.count()).select_from(deliveries))
    group_commit.write(database, lambda connection: None)
    other = Database(database_url)
    for number in range(1, 4):
        Book(other).accept(1)
        assert database.look(how_many) == (number,)
    other.dispose()
