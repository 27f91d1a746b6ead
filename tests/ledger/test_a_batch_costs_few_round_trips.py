"""To a PostgreSQL some way off, each is a time in which a worker waits and a mailing's row is locked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.database.together import Together
from mailroom.ledger import suppressions
from mailroom.ledger.batches import batches, gather, growth, turns, waiting_deliveries
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.ledger.deliveries import marks
from mailroom.ledger.deliveries.marks import HandOver, Sent
from mailroom.ledger.relays import circuit, rates
from mailroom.ledger.schema import mailings as mailings_table
from tests.ledger.book import Book
from tests.way import Way, way_to

SERVER = "sink:25"

T = TypeVar("T")


@pytest.fixture
def database_url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def way(postgres_url: str) -> Iterator[tuple[Way, Database]]:
    with way_to(postgres_url) as (way, url):
        database = Database(url, durable=False)
        yield way, database
        database.dispose()


def test_of_a_batch_that_is_sent_and_followed_by_another(book: Book, way: tuple[Way, Database]) -> None:
    mailing_id = book.accept(3_000)
    there, database = way
    direct = database.direct()
    waiting = iter(book.waiting())

    def trips(act: Callable[[], T]) -> tuple[int, T]:
        before = there.round_trips
        done = act()
        return there.round_trips - before, done

    def claim() -> Lease | None:
        first = next(waiting)
        with database.begin_at_once() as connection:
            lease = batches.claim(connection, first.id, first.epoch, "ann")
            circuit.admit(connection, SERVER)
        return lease

    def read(lease: Lease) -> list[WaitingDelivery]:
        with database.read_at_once() as connection:
            look = rates.interval_later(connection, SERVER)
            found = waiting_deliveries.contents_later(connection, lease.batch_id)
        assert look() is None
        return found()

    def grow(lease: Lease, last: int) -> list[WaitingDelivery]:
        with database.begin_at_once() as connection:
            came = growth.grow(connection, lease, mailing_id, last, 10)
        return came() if came is not None else []

    def send(lease: Lease, ids: list[int]) -> None:
        writer = marks.LeaseWriter(direct, lease)
        assert all(writer.write([], [HandOver(id, 1) for id in ids])[1])
        assert all(writer.write([Sent(id, 250, "Ok") for id in ids], [])[0])

    def end(lease: Lease) -> Lease | None:
        with database.begin_at_once() as connection:
            together = Together(connection)
            together.ask(circuit.healthy, SERVER, 5)
            assert together.ask(batches.end, lease)()
            batches.give_back(connection, lease.batch_id)
            following, _ = gather.next_of(connection, lease, [mailing_id])
            if following is not None:
                turns.note(connection, following.batch.id, lease.batch_id)
                contents = waiting_deliveries.contents_later(connection, following.batch.id)
        assert following is None or len(contents()) == 100
        return following and following.lease()

    for is_warm in (False,) * 6 + (True,):
        took = {}
        took["claim"], lease = trips(claim)
        assert lease is not None
        took["read"], contents = trips(partial(read, lease))
        took["grow"], more = trips(partial(grow, lease, contents[-1].id))
        contents += more
        took["send"], _ = trips(partial(send, lease, [row.id for row in contents]))
        took["end"], following = trips(partial(end, lease))
        if following is not None:
            book.close(following)
        if is_warm:  # what is run for the first time is told to the server first
            assert took == {"claim": 3, "read": 1, "grow": 2, "send": 2, "end": took["end"]}
            assert took["end"] <= 5
            assert len(more) == 10
    direct.close()


def test_what_fails_in_the_midst_of_a_pipeline_undoes_all_of_it_and_is_told_as_ever(
    book: Book, postgres_url: str
) -> None:
    mailing_id = book.accept(1)
    lease = book.claim()
    with pytest.raises(DBAPIError, match="division by zero"), book.database.begin_at_once() as connection:
        assert batches.close(connection, lease)
        connection.execute(text("SELECT 1 / 0"))
    assert book.inside(lease), "the batch is there"
    with book.database.begin_at_once() as connection:
        assert batches.close(connection, lease)
        found = connection.execute(select(mailings_table.c.queued)).scalar_one()
        assert found == 1, "SQLAlchemy's own statements are answered at once"
        suppressions.add(connection, ["p0@mail.example"])
    with book.database.read_at_once() as connection:
        later = waiting_deliveries.contents_later(connection, lease.batch_id)
    assert later() == []
    assert book.states(mailing_id) == {"queued": 1}


def test_a_connection_that_is_lost_at_the_commit_is_a_ledger_that_is_away(
    book: Book, way: tuple[Way, Database]
) -> None:
    there, database = way
    with pytest.raises(LEDGER_AWAY), database.begin_at_once() as connection:
        suppressions.add(connection, ["p0@mail.example"])
        there.lose_next_answer()
    with database.begin_at_once() as connection:
        found = suppressions.count(connection)
    assert found == 1, "it was committed; only its answer is lost"
