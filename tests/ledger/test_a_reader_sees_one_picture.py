"""What is committed while somebody reads does not tear their picture."""

from __future__ import annotations

from sqlalchemy import func, select

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
