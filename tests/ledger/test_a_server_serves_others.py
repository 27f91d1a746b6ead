"""A server that has no session for one worker may well work for another: that is no trouble of its own."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, insert, update

from mailroom.database import clock
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.relays import circuit
from mailroom.ledger.schema import deliveries, sessions
from tests.ledger.book import Book
from tests.ledger.plans import plans_of

SERVER = "127.0.0.1:25"


def session(book: Book, worker: str, server: str = SERVER, seconds_ago: float = 3_600) -> int:
    with book.database.begin() as connection:
        opened_at = clock.now(connection) - round(seconds_ago * 1000)
        row = {"worker": worker, "number": 1, "server": server, "opened_at": opened_at}
        return int(connection.execute(insert(sessions).values(row).returning(sessions.c.id)).scalar_one())


def serves_others(book: Book, lease: Lease) -> bool:
    with book.database.begin() as connection:
        return circuit.serves_others(connection, SERVER, lease.route, lease.batch_id, lease.owner)


@pytest.fixture
def mine(book: Book) -> Lease:
    """Ann's batch, of which nothing could be sent."""
    book.accept(1)
    return book.claim(owner="ann")


def sent_by(book: Book, owner: str, session_id: int) -> Lease:
    assert session_id == 1, "by which a book sends"
    book.accept(3)
    lease = book.claim(owner=owner)
    book.send(lease, book.inside(lease))
    return lease


def test_a_worker_between_two_batches_is_served(book: Book, mine: Lease) -> None:
    assert not serves_others(book, mine)
    lease = sent_by(book, "bob", session(book, "bob"))
    assert serves_others(book, mine), "in the middle of its batch"
    book.close(lease)
    assert serves_others(book, mine), "when that has ended"
    with book.database.begin() as connection:
        long_ago = clock.now(connection) - circuit.ANSWERED_WITHIN_MS - 1_000
        connection.execute(update(deliveries).values(updated_at=long_ago))
    assert not serves_others(book, mine), "but not for ever"


def test_however_many_batches_wait(book: Book, mine: Lease) -> None:
    book.close(sent_by(book, "bob", session(book, "bob")))
    for _ in range(15):
        book.accept(1)
    assert serves_others(book, mine)
    last = book.claim(book.waiting()[-1], owner="ann")
    assert serves_others(book, last)


def test_no_delivery_is_read_but_by_an_index(book: Book, mine: Lease) -> None:
    """A server that is down is asked for again and again, while others want to write."""

    def read(connection: Connection) -> object:
        return circuit.serves_others(connection, SERVER, mine.route, mine.batch_id, mine.owner)

    for sql, plan in plans_of(book.database, read):
        assert "SCAN deliveries" not in plan and "Seq Scan on deliveries" not in plan, f"{sql}\n{plan}"
        assert "deliveries" not in plan or "ix_deliveries_batch_id" in plan, f"{sql}\n{plan}"


@pytest.mark.parametrize(("worker", "server"), [("ann", SERVER), ("bob", "127.0.0.1:26")])
def test_neither_itself_nor_another_server_counts(book: Book, mine: Lease, worker: str, server: str) -> None:
    book.close(sent_by(book, "bob", session(book, worker, server)))
    assert not serves_others(book, mine)


def test_whoever_has_just_got_a_session_is_served(book: Book, mine: Lease) -> None:
    session(book, "bob", seconds_ago=1)
    assert serves_others(book, mine)
