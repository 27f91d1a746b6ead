"""Writes whose answer nobody needs leave with what follows; a transaction begins with its first statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Integer, column, delete, insert, literal_column, select, table, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.engine import Database
from mailroom.ledger.people import users
from mailroom.ledger.schema import users as users_table
from tests.way import Way, way_to

THERE_IS_NONE = table("no_such_table", column("a"))


@pytest.fixture
def far(postgres_url: str) -> Iterator[tuple[Way, Database]]:
    with way_to(postgres_url) as (way, url):
        way.answers_after = 0.004
        database = Database(url)
        yield way, database
        database.dispose()


def trips(far: tuple[Way, Database], act: Callable[[], None]) -> int:
    for _ in range(8):  # until the driver has prepared what it will
        act()
    return far[0].fewest(act, 2)


def ask(connection: Connection) -> int:
    return int(connection.execute(select(literal_column("1"))).scalar_one())


def test_a_transaction_begins_with_its_first_statement_and_ends_in_one(far: tuple[Way, Database]) -> None:
    def look() -> None:
        with far[1].read() as connection:
            assert ask(connection) == 1

    def write() -> None:
        with far[1].begin() as connection:
            connection.execute(update(users_table).values(zone=""))

    assert (trips(far, look), trips(far, write)) == (2, 2)


def test_the_server_is_made_to_forget_nothing_after_a_read(far: tuple[Way, Database]) -> None:
    with far[1].read() as connection:
        for _ in range(8):
            ask(connection)
    with far[1].read() as connection:
        prepared = select(literal_column("count(*)", Integer)).select_from(table("pg_prepared_statements"))
        assert connection.execute(prepared).scalar_one() > 0


def test_what_nobody_waits_for_leaves_with_the_commit(far: tuple[Way, Database]) -> None:
    def write() -> None:
        with far[1].begin_at_once() as connection:
            assert ask(connection) == 1
            pipeline.do(connection, delete(users_table))
            row = {"email": "ann@example.org", "created_at": now_millis()}
            pipeline.do(connection, insert(users_table).values(row))
            pipeline.do(connection, update(users_table).values(zone="Europe/Berlin"))

    assert trips(far, write) == 2
    with far[1].read() as connection:
        zones = connection.execute(select(users_table.c.zone)).scalars().all()
    assert zones == ["Europe/Berlin"]


def test_an_error_of_one_is_told_and_nothing_is_committed(database: Database) -> None:
    with database.begin() as connection:
        users.add(connection, "ann@example.org", None)
    row = {"email": "ann@example.org", "created_at": now_millis()}
    with pytest.raises(IntegrityError), database.begin_at_once() as connection:
        pipeline.do(connection, update(users_table).values(zone="Asia/Tokyo"))
        pipeline.do(connection, insert(users_table).values(row))
    with database.read() as connection:
        assert connection.execute(select(users_table.c.zone)).scalars().all() == [None]


def test_an_error_of_the_first_statement_is_told_where_it_is_asked(database: Database) -> None:
    with database.begin() as connection, pytest.raises(DBAPIError):
        connection.execute(select(THERE_IS_NONE))
    with database.begin() as connection:
        assert ask(connection) == 1
