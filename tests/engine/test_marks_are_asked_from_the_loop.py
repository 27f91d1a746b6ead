"""On PostgreSQL what is usual is asked from the event loop, with no thread between: it answers the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import select

from mailroom.database.connection.raw import RawConnection
from mailroom.database.engine import Database
from mailroom.engine.send.recorder import Recorder
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.schema import deliveries
from mailroom.ledger.states import State
from tests.ledger.book import Book

pytestmark = pytest.mark.usefixtures("each_loop")

REPLIES = ['2.0.0 "Ok"', "back\\slash\\", "{1,2}, NULL", "Grüße, 你好", "", "NULL", "two\nlines\ttab"]
REFUSES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = 'serialization_failure'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION refuse();
"""

Work = Callable[[Recorder], Awaitable[None]]


@pytest.fixture
def book(postgres_url: str) -> Iterator[Book]:
    database = Database(postgres_url)
    yield Book(database)
    database.dispose()


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was given to a connection's thread."""
    given: list[object] = []
    do = RawConnection.do

    def noted(self: RawConnection, work: Callable[[], object]) -> None:
        given.append(work)
        do(self, work)

    monkeypatch.setattr(RawConnection, "do", noted)
    return given


def recording(book: Book, lease: Lease, work: Work) -> None:
    direct = book.database.direct()

    async def run() -> None:
        recorder = Recorder(asyncio.get_running_loop(), book.database, direct, lease)
        await asyncio.wait_for(work(recorder), 20)
        await asyncio.wait_for(recorder.drained(), 20)

    asyncio.run(run())
    direct.end()


def test_only_the_first_group_needs_the_thread_which_connects(book: Book, aside: list[object]) -> None:
    mailing_id = book.accept(len(REPLIES))
    lease = book.claim()
    ids = book.inside(lease)

    async def work(recorder: Recorder) -> None:
        for id, reply in zip(ids, REPLIES, strict=True):
            assert await recorder.mark(1, id)
            recorder.sent(id, 250, reply)

    recording(book, lease, work)
    assert len(aside) == 1
    with book.database.read() as connection:
        kept = connection.execute(select(deliveries.c.reply).order_by(deliveries.c.id)).scalars().all()
    assert kept == REPLIES
    assert book.close(lease) and book.states(mailing_id) == {"sent": len(REPLIES)}


def test_what_does_not_hold_is_said_of_each(book: Book) -> None:
    first = book.accept(3)
    lease = book.claim()
    one, two, three = book.inside(lease)

    async def work(recorder: Recorder) -> None:
        assert await recorder.mark(1, one)
        assert await recorder.mark(2, two)
        with book.database.begin() as connection:
            assert lifecycle.pause(connection, first)
        recorder.sent(one, 250, "Ok")
        assert await recorder.mark(3, three) is False and recorder.refused[three] == "paused"
        await recorder.drained()
        book.die(lease)
        recorder.sent(two, 250, "late")

    recording(book, lease, work)
    assert [book.delivery(id).state for id in (one, two, three)] == ["sent", "sent", "queued"]


def test_what_the_server_refuses_is_kept_and_asked_again(book: Book) -> None:
    mailing_id = book.accept(2)
    lease = book.claim()
    one, two = book.inside(lease)

    async def work(recorder: Recorder) -> None:
        assert await recorder.mark(1, one)
        assert await recorder.mark(2, two)
        with book.database.begin() as connection:
            connection.exec_driver_sql(REFUSES)
        recorder.sent(one, 250, "Ok")
        while not recorder.is_away:
            await asyncio.sleep(0.01)
        recorder.sent(two, 250, "Ok")
        with book.database.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER refuse ON deliveries")

    recording(book, lease, work)
    assert book.close(lease) and book.states(mailing_id) == {"sent": 2}


def test_a_parked_job_and_the_next_one_share_the_connection(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one event loop: what one asks is under way when the other has something to write. None breaks it."""
    mailings_of = [book.accept(40), book.accept(40)]
    leases = [book.claim(), book.claim()]
    inside = [book.inside(lease) for lease in leases]
    direct = book.database.direct()
    broken: list[object] = []
    monkeypatch.setattr(direct, "close", partial(broken.append, "closed"))

    async def sessions(recorder: Recorder, ids: list[int], *, refused: bool) -> None:
        for id in ids:
            assert await recorder.mark(1, id)
            if refused:  # is written by the connection's thread
                recorder.trouble(Outcome(id, State.FAILED, 550, "no such user", "mx", "RCPT"))
            else:
                recorder.sent(id, 250, "Ok")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        recorders = [Recorder(loop, book.database, direct, lease) for lease in leases]
        await asyncio.wait_for(
            asyncio.gather(
                *(
                    sessions(recorders[which], inside[which][part::4], refused=which == 1 and part == 3)
                    for which in range(2)
                    for part in range(4)
                )
            ),
            30,
        )
        for recorder in recorders:
            await asyncio.wait_for(recorder.drained(), 20)
            assert not recorder.is_away

    asyncio.run(run())
    assert broken == []
    monkeypatch.undo()
    direct.end()
    assert all(book.close(lease) for lease in leases)
    assert [book.states(one) for one in mailings_of] == [{"sent": 40}, {"sent": 30, "failed": 10}]
