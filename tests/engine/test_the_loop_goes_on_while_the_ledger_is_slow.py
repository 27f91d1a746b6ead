"""PostgreSQL some way off: what is written for one group keeps nobody else in the event loop waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from mailroom.database.engine import Database
from mailroom.engine.send.recorder import Recorder
from mailroom.ledger import states
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries.marks import Outcome
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
        longest, before = 0.0, time.monotonic()
        for _ in range(60):
            await asyncio.sleep(0.005)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        assert longest < 0.25, "the loop stood still"
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
