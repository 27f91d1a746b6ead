"""Reads that need nothing of each other are plain functions, and wait for PostgreSQL together."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from sqlalchemy import BigInteger, Connection, bindparam, literal_column, select
from sqlalchemy.exc import DBAPIError

from mailroom.database.engine import Database
from mailroom.database.statement import Statement
from mailroom.database.together import Together
from tests.way import Way, way_to

ECHO = Statement(select(bindparam("number", type_=BigInteger) + literal_column("0")))
PAGE: ContextVar[str] = ContextVar("PAGE", default="none")


def chain(connection: Connection, number: int, length: int = 1) -> list[int]:
    """So many questions, each of which waits for the answer to the one before; by both ways to ask."""
    found = [number]
    for step in range(length - 1):
        following = found[-1] + 1
        if step % 2:
            found.append(connection.execute(select(literal_column(str(following)))).scalar_one())
        else:
            found += [int(one) for (one,) in ECHO.all(connection, number=following)]
    return found


def broken(connection: Connection) -> int:
    connection.execute(select(literal_column("1")))
    raise LookupError("there is none")


def nested(connection: Connection) -> list[list[int]]:
    reads = Together(connection)
    asked = [reads.ask(chain, start, 3) for start in (10, 20)]
    return [one() for one in asked]


def on_page(connection: Connection) -> str:
    connection.execute(select(literal_column("1")))
    return PAGE.get()


def test_each_gets_its_own_answer(database: Database) -> None:
    with database.read_at_once() as connection:
        reads = Together(connection)
        asked = [reads.ask(chain, start, length) for start, length in ((100, 4), (200, 1), (300, 3))]
        inner = reads.ask(nested)
        assert [one() for one in reversed(asked)] == [[300, 301, 302], [200], [100, 101, 102, 103]]
        assert inner() == [[10, 11, 12], [20, 21, 22]]
        assert Together(connection).ask(chain, 1, 2)() == [1, 2], "and it goes on"


def test_what_one_raises_is_raised_where_its_answer_is_read(database: Database) -> None:
    with database.read_at_once() as connection:
        reads = Together(connection)
        one, bad, other = reads.ask(chain, 1, 3), reads.ask(broken), reads.ask(chain, 5, 3)
        assert (one(), other()) == ([1, 2, 3], [5, 6, 7])
        for _ in range(2):
            with pytest.raises(LookupError):
                bad()


def test_they_see_what_the_one_who_asks_sees_around_it(database: Database) -> None:
    """Flask's request, for one."""
    token = PAGE.set("a page")
    try:
        with database.read_at_once() as connection:
            reads = Together(connection)
            assert [one() for one in (reads.ask(on_page), reads.ask(on_page))] == ["a page"] * 2
    finally:
        PAGE.reset(token)


def test_a_database_that_refuses_one_question_is_used_again_afterwards(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read_at_once() as connection:
        reads = Together(connection)
        asked = [reads.ask(chain, 1, 3), reads.ask(refused), reads.ask(chain, 2, 5)]
        for one in asked:
            one()
    with database.read_at_once() as connection:
        assert Together(connection).ask(chain, 1, 3)() == [1, 2, 3]


def refused(connection: Connection) -> int:
    return int(connection.execute(select(literal_column("no_such_column"))).scalar_one())


def test_another_transaction_meanwhile_is_left_alone(database: Database) -> None:
    def elsewhere(connection: Connection) -> list[int]:
        connection.execute(select(literal_column("1")))
        with database.read_at_once() as other:
            return Together(other).ask(chain, 7, 3)() + chain(other, 9, 2)

    with database.read_at_once() as connection:
        reads = Together(connection)
        asked = [reads.ask(chain, 1, 4), reads.ask(elsewhere), reads.ask(chain, 2, 4)]
        assert [one() for one in asked] == [[1, 2, 3, 4], [7, 8, 9, 9, 10], [2, 3, 4, 5]]


@pytest.fixture
def away(postgres_url: str) -> Iterator[tuple[Way, Database]]:
    with way_to(postgres_url) as (way, url):
        way.answers_after = 0.004
        database = Database(url)
        yield way, database
        database.dispose()


def test_they_wait_as_often_as_the_longest_of_them(away: tuple[Way, Database]) -> None:
    way, database = away

    def page() -> None:
        with database.read_at_once() as connection:
            reads = Together(connection)
            asked = [reads.ask(chain, start, 1 + start % 4) for start in range(20)]
            asked[3]()

    for _ in range(8):  # until the driver has prepared what it will
        page()
    assert way.fewest(page, 3 + 1) == 3 + 1, "and once for the end"
