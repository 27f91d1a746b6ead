"""A worker notes each SMTP session that it opens before it sends by it. With a ledger some way off the tenth
would wait for nine others, two round trips each: those that are open at the same moment share one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from mailroom.database.engine import Database
from mailroom.engine.send.session_pool import PooledSession, SessionNumbers, SessionPool
from mailroom.ledger.schema import sessions
from mailroom.sink import ThreadedSink
from mailroom.smtp.server import Server
from tests.way import Way, way_to

OPENED = 10


@pytest.fixture
def server() -> Iterator[Server]:
    with ThreadedSink() as sink:
        yield Server("127.0.0.1", sink.port)


def a_pool(database: Database, server: Server) -> SessionPool:
    return SessionPool(server, database, "ann", SessionNumbers(), OPENED)


async def taken(pool: SessionPool, number: int) -> list[PooledSession]:
    found = await asyncio.gather(*(pool.take() for _ in range(number)))
    return [one for one in found if one is not None]


def noted(database: Database) -> dict[int, int]:
    """The number of each session by its id."""
    with database.read() as connection:
        rows = connection.execute(select(sessions.c.id, sessions.c.number, sessions.c.worker)).all()
    assert {row.worker for row in rows} == {"ann"}
    return {row.id: row.number for row in rows}


async def opened_at_once(database: Database, server: Server) -> dict[int, int]:
    """Their numbers by their ids."""
    pool = a_pool(database, server)
    found = await taken(pool, OPENED)
    await put_away(pool, found)
    assert len(found) == OPENED
    return {one.id: one.number for one in found}


async def put_away(pool: SessionPool, found: list[PooledSession]) -> None:
    for one in found:
        await pool.put_back(one)
    await pool.close_idle(0)


def test_each_has_its_own_id(database: Database, server: Server) -> None:
    found = asyncio.run(opened_at_once(database, server))
    assert found == noted(database)
    assert set(found.values()) == set(range(1, OPENED + 1))


def test_those_that_are_opened_at_once_share_round_trips(postgres_url: str, server: Server) -> None:
    with way_to(postgres_url) as (way, url):
        database = Database(url, durable=False)
        asyncio.run(opened_at_once(database, server))  # by a connection that is open then
        way.answers_after = 0.05
        before = way.round_trips
        found = asyncio.run(opened_at_once(database, server))
        assert way.round_trips - before <= 3, "one for who came first, one for all others"
        assert found.items() <= noted(database).items()
        database.dispose()


def test_who_stops_waiting_takes_no_other_with_it(postgres_url: str, server: Server) -> None:
    """Whoever writes the note of all, and whoever waits for that, may be told to stop."""
    with way_to(postgres_url) as (way, url):
        database = Database(url, durable=False)
        asyncio.run(stopped(way, database, server))
        database.dispose()


async def stopped(way: Way, database: Database, server: Server) -> None:
    pool = a_pool(database, server)
    (first,) = await taken(pool, 1)
    way.answers_after = 0.3
    tasks = [asyncio.create_task(pool.take()) for _ in range(4)]
    async with asyncio.timeout(20):
        while len(pool._unnoted) < 4:
            await asyncio.sleep(0.005)
        writes, waits, *others = tasks
        writes.cancel()
        waits.cancel()
        kept = [one for one in await asyncio.gather(*others) if one is not None]
    assert len({first.id, *(one.id for one in kept)}) == 3
    assert {one.id for one in kept} <= noted(database).keys()
    assert pool.room == OPENED - 3 and pool._unnoted == []
    (fourth,) = await taken(pool, 1)
    assert fourth.number not in {first.number, *(one.number for one in kept)}
    await put_away(pool, [first, fourth, *kept])


def test_all_wait_while_the_ledger_is_away(postgres_url: str, server: Server) -> None:
    with way_to(postgres_url) as (way, url):
        database = Database(url, durable=False)
        asyncio.run(opened_at_once(database, server))
        way.lose_next_answer()
        found = asyncio.run(opened_at_once(database, server))
        assert found.items() <= noted(database).items()
        database.dispose()
