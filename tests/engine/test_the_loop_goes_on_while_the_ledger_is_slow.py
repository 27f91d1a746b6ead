"""PostgreSQL some way off: what is written for one group keeps nobody else in the event loop waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from mailroom.database.engine import Database
from mailroom.engine.hold import HoldWatch
from mailroom.engine.probing import Probing
from mailroom.engine.send import recorder as recorder_module
from mailroom.engine.send.batch_sender import BatchSender
from mailroom.engine.send.circuit_breaker import CircuitBreaker
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.lane import Lane
from mailroom.engine.send.parking import Parking
from mailroom.engine.send.rate_limiter import RateLimiter
from mailroom.engine.send.recorder import Recorder
from mailroom.engine.send.relay import Relay, Relays
from mailroom.engine.send.session_pool import SessionNumbers, SessionPool
from mailroom.ledger import states
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from tests.invariants import counters_agree
from tests.ledger.book import Book
from tests.way import Way, way_to

OK = 250, "2.0.0 Ok"

Work = Callable[[Recorder], Awaitable[None]]


@pytest.fixture
def book(postgres_url: str) -> Iterator[Book]:
    database = Database(postgres_url)
    yield Book(database)
    counters_agree(database)
    database.dispose()


@pytest.fixture
def way(postgres_url: str) -> Iterator[tuple[Way, str]]:
    with way_to(postgres_url) as found:
        yield found


async def stood_still() -> float:
    """For how many seconds at a time the loop did nothing else, looked at for a third of a second."""
    longest, before = 0.0, time.monotonic()
    for _ in range(60):
        await asyncio.sleep(0.005)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    return longest


def recording(way: tuple[Way, str], lease: Lease, work: Work) -> None:
    """`work` with a recorder whose ledger is at the end of the way, until its outcomes are on disk."""
    database = Database(way[1], durable=False)
    direct = database.direct()

    async def run() -> None:
        recorder = Recorder(asyncio.get_running_loop(), database, direct, lease)
        await asyncio.wait_for(work(recorder), 20)
        await asyncio.wait_for(recorder.drained(), 20)

    asyncio.run(run())
    direct.end()
    database.dispose()


def test_the_event_loop_goes_on_and_the_next_group_gathers_meanwhile(
    book: Book, way: tuple[Way, str]
) -> None:
    mailing_id = book.accept(4)
    lease = book.claim()
    first, *others = book.inside(lease)

    async def work(recorder: Recorder) -> None:
        assert await recorder.mark(1, first)
        way[0].hold()
        recorder.sent(first, *OK)
        await asyncio.sleep(0.05)  # it is under way
        asked = [recorder.mark(number, id) for number, id in enumerate(others, 2)]
        drained = asyncio.ensure_future(recorder.drained())
        assert await stood_still() < 0.25
        assert not drained.done() and not any(answer.done() for answer in asked)
        trips = way[0].round_trips
        way[0].let_go()
        assert [await answer for answer in asked] == [True] * 3
        await drained
        assert way[0].round_trips - trips == 2, "one for what was under way, and one for all that gathered"
        for id in others:
            recorder.sent(id, *OK)

    recording(way, lease, work)
    assert book.close(lease)
    assert book.states(mailing_id) == {"sent": 4}


def test_who_is_answered_in_a_moment_shares_the_round_trip_and_who_is_not_holds_up_nobody(
    book: Book, way: tuple[Way, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "WAITS_AT_MOST", 60.0)  # a moment, on a busy machine
    mailing_id = book.accept(6)
    lease = book.claim()
    ids = book.inside(lease)

    def answered(recorder: Recorder, id: int) -> None:
        assert recorder.answered(id) is not None
        recorder.sent(id, *OK)

    async def work(recorder: Recorder) -> None:
        way[0].answers_after = 0.2
        assert await recorder.mark(1, ids[0])
        assert all(
            await asyncio.gather(*(recorder.mark(number, id) for number, id in enumerate(ids[1:5], 2)))
        )
        trips = way[0].round_trips
        answered(recorder, ids[0])
        for _ in range(4 * recorder_module.MOST_TURNS):
            await asyncio.sleep(0)
        for id in ids[1:4]:
            answered(recorder, id)
        await recorder.drained()
        assert way[0].round_trips - trips == 1, "though they were not answered in one turn of the loop"
        assert set(recorder.marked_at) == {ids[4]}, "its server is silent"
        monkeypatch.setattr(recorder_module, "WAITS_FOR_OTHERS", 1_000.0)
        assert await recorder.mark(6, ids[5])
        answered(recorder, ids[5])
        await recorder.drained()
        assert set(recorder.marked_at) == {ids[4]}, "its server is still silent, and nobody waited for it"
        answered(recorder, ids[4])

    recording(way, lease, work)
    assert book.close(lease)
    assert book.states(mailing_id) == {"sent": 6}


def test_a_mark_whose_answer_is_lost_is_not_known_so_nothing_leaves_and_nothing_is_lost(
    book: Book, way: tuple[Way, str]
) -> None:
    mailing_id = book.accept(2)
    lease = book.claim()
    first, second = book.inside(lease)

    async def work(recorder: Recorder) -> None:
        assert await recorder.mark(1, first)
        way[0].lose_next_answer()
        recorder.sent(first, *OK)
        assert await recorder.mark(1, second) is False
        assert recorder.refused[second] == "taken"

    recording(way, lease, work)
    assert book.delivery(first).state == "sent", "the outcome that went with it is written once"
    assert book.delivery(second).state == "sending"
    assert not book.close(lease), "whether it left is not for the ledger to guess: it waits for the lease"
    book.die(lease)
    assert book.states(mailing_id) == {"sent": 1, "unknown": 1}


REFUSES_AT_THE_COMMIT = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = 'serialization_failure'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON deliveries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_a_mark_whose_commit_fails_is_not_set(book: Book, way: tuple[Way, str]) -> None:
    book.accept(1)
    lease = book.claim()
    (only,) = book.inside(lease)
    with book.database.begin() as connection:
        connection.exec_driver_sql(REFUSES_AT_THE_COMMIT)

    async def work(recorder: Recorder) -> None:
        answer = recorder.mark(1, only)
        while not recorder.is_away:
            await asyncio.sleep(0.01)
        assert not answer.done() and book.delivery(only).state == "queued"
        with book.database.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER refuse ON deliveries")
        assert await answer

    recording(way, lease, work)
    book.die(lease)


def test_what_could_not_be_written_keeps_its_place(
    book: Book, way: tuple[Way, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage in mid-group: before what was asked for meanwhile, and each once."""
    book.accept(3)
    lease = book.claim()
    first, second, third = book.inside(lease)
    found: list[list[int]] = []

    async def work(recorder: Recorder) -> None:
        assert await recorder.mark(1, first)
        writer = recorder._writer._writer
        write = writer.write

        def noted(sent, asked):  # type: ignore[no-untyped-def]
            found.append([one.delivery_id for one in (*sent, *asked)])
            return write(sent, asked)

        monkeypatch.setattr(writer, "write", noted)
        way[0].hold()
        recorder.trouble(Outcome(first, states.FAILED, 550, "5.1.1 No", "sink:25", "dot"))
        before = recorder.mark(2, second)
        await asyncio.sleep(0.05)
        after = recorder.mark(3, third)
        way[0].lose_next_answer()
        way[0].let_go()
        assert [await before, await after] == [True, True]

    recording(way, lease, work)
    assert found == [[second, third]]
    assert book.delivery(first).state == "failed"
    book.die(lease)


@dataclass
class Parts:
    """What a worker's loop has to do with the ledger beside marks and outcomes."""

    database: Database
    lease: Lease

    def __post_init__(self) -> None:
        server = Server("127.0.0.1", 1)
        self.rate = RateLimiter(self.database, server.name, None)
        self.sessions = SessionPool(server, self.database, "ann", SessionNumbers(), 5)
        self.relay = Relay("", server, self.sessions, self.rate, CircuitBreaker(server.name), [])
        self.parking = Parking(self.database, "ann")
        loop = asyncio.get_running_loop()
        recorder = Recorder(loop, self.database, self.database.direct(), self.lease)
        self.sender = BatchSender(self.database, self.relay, self.lease, Feed([], {}), recorder)

    async def renew(self) -> None:
        await self.sender._renew()
        assert not self.sender.feed.is_closed, "the lease is held"

    async def look_at_mailings(self) -> None:
        await self.sender._look_at_mailings()

    async def note_in_hand(self) -> None:
        assert await self.sender._in_hand.note(False) and await self.sender.begins()

    async def end_a_trial(self) -> None:
        self.sender.is_trial = True
        self.sender.heard()
        await self.sender.run()

    async def open_a_session(self) -> None:
        assert await self.sessions._noted(1) > 0

    async def slow_down(self) -> None:
        self.rate.refused(Reply(421, "4.7.0 Too many messages, slow down"))
        while not self.rate.is_limited:
            await asyncio.sleep(0.01)

    async def probe(self) -> None:
        hold = HoldWatch(self.database)
        await Probing(self.database, Relays([self.relay]), hold).look()

    async def note_parked_sessions(self) -> None:
        self.parking._noted = {cast(Any, object()): "dot"}
        await self.parking._note()
        assert self.parking._noted == {}


def test_a_slow_ledger_is_not_taken_for_a_silent_server(book: Book, way: tuple[Way, str]) -> None:
    book.accept(1)
    lease = book.claim()
    (only,) = book.inside(lease)
    database = Database(way[1], durable=False)

    async def work() -> None:
        parts = Parts(database, lease)
        sender = parts.sender
        lane = Lane(sender, sender.feed, parts.relay, sender.recorder)
        lane._since -= 60
        lane._taken = cast(Any, object())
        sender._lanes.running = {asyncio.create_task(asyncio.sleep(60)): lane}
        way[0].hold()
        answer = sender.recorder.mark(1, only)
        await asyncio.sleep(0.05)
        assert not sender._leave_behind_what_only_waits()
        way[0].let_go()
        assert await answer
        lane._in_hand[only] = cast(Any, object())
        assert not sender._leave_behind_what_only_waits(), "its server has had no time yet"
        lane._in_hand.clear()
        assert sender._leave_behind_what_only_waits(), "without one it is the server that it has waited for"

    asyncio.run(work())
    book.die(lease)
    database.dispose()


ACTS = [name for name in vars(Parts) if not name.startswith("_") and callable(getattr(Parts, name))]


@pytest.mark.parametrize("act", ACTS)
def test_nothing_else_that_a_worker_s_loop_does_waits_in_it(
    book: Book, way: tuple[Way, str], act: str
) -> None:
    book.accept(1)
    lease = book.claim()
    database = Database(way[1], durable=False)

    async def work() -> None:
        parts = Parts(database, lease)
        way[0].hold()
        task = asyncio.ensure_future(getattr(parts, act)())
        assert await stood_still() < 0.25
        assert not task.done(), "it has nothing to do with the ledger"
        way[0].let_go()
        await asyncio.wait_for(task, 10)

    asyncio.run(work())
    book.die(lease)
    database.dispose()
