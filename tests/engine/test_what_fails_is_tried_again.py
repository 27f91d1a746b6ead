"""What raises beside the mail is logged, told of and tried again; what cannot be written stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.engine import probing, worker_process
from mailroom.engine.hold import HoldWatch
from mailroom.engine.probing import Probing
from mailroom.engine.send import group, parking
from mailroom.engine.send.parking import Parking
from mailroom.engine.send.recorder import Recorder
from mailroom.engine.sweeper import Sweeper
from mailroom.engine.webhooks import calling
from mailroom.engine.webhooks.calling import Webhooks
from mailroom.ledger import states
from mailroom.ledger.batches import gather
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries import refused_marks, tries
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.ledger.schema import attempts, deliveries
from mailroom.queue import Queue
from mailroom.settings import Settings
from tests.invariants import counters_agree
from tests.ledger.book import Book
from tests.servers import wait_until

OK = 250, "2.0.0 Ok"


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    database = Database(database_url, durable=False)
    yield Book(database)
    counters_agree(database)
    database.dispose()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """For what is the same on any database: all but the recorder."""
    database = Database(sqlite_url)
    yield database
    database.dispose()


def raising(of: Any, name: str, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> list[int]:
    """The first calls raise; how many there were."""
    calls: list[int] = []
    real = getattr(of, name)

    def fails_first(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) <= times:
            raise RuntimeError(f"{name} is broken")
        return real(*args, **kwargs)

    monkeypatch.setattr(of, name, fails_first)
    return calls


def failed(delivery_id: int, words: str = "5.1.1 No") -> Outcome:
    return Outcome(delivery_id, states.FAILED, 550, words, "sink:25", "rcpt")


def replies(book: Book) -> list[str]:
    with book.database.read() as connection:
        return list(
            connection.execute(select(deliveries.c.reply).order_by(deliveries.c.id)).scalars()
        ) + list(connection.execute(select(attempts.c.reply).order_by(attempts.c.id)).scalars())


@pytest.mark.parametrize("place", ["begin", "read", "run", "record_troubles", "why_refused"])
def test_the_recorder_goes_on_after_an_error_at_each_step(
    book: Book, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    mailing_id = book.accept(3)
    lease = book.claim()
    first, second, third = book.inside(lease)
    direct = book.database.direct()

    async def work() -> bool:
        writer = Recorder(asyncio.get_running_loop(), book.database, direct, lease)
        assert await writer.mark(1, first)
        homes = {"run": direct, "record_troubles": tries, "why_refused": refused_marks}
        of = homes.get(place, book.database)
        calls = raising(of, place, monkeypatch)
        writer.sent(first, *OK)
        writer.trouble(failed(second))
        again = writer.mark(1, first)  # it is marked already
        answer = await asyncio.wait_for(again, 5)
        await asyncio.wait_for(writer.drained(), 5)
        assert len(calls) > 1, "it was tried again"
        assert await asyncio.wait_for(writer.mark(1, third), 5), "the recorder lives"
        writer.sent(third, *OK)
        await asyncio.wait_for(writer.drained(), 5)
        return answer

    assert asyncio.run(work()) is False
    assert book.close(lease)
    assert book.states(mailing_id) == {"sent": 2, "failed": 1}


def test_the_recorder_goes_on_when_what_came_late_cannot_be_written_at_once(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing_id = book.accept(1)
    lease = book.claim()
    (only,) = book.inside(lease)

    async def late() -> None:
        writer = Recorder(asyncio.get_running_loop(), book.database, book.database.direct(), lease)
        assert await writer.mark(1, only)
        book.die(lease)
        raising(tries, "record_late", monkeypatch)
        writer.sent(only, *OK)
        await asyncio.wait_for(writer.drained(), 5)

    asyncio.run(late())
    assert book.states(mailing_id) == {"sent": 1}


@pytest.mark.parametrize("odd", ["\udce9", "\0"], ids=["half a character", "NUL"])
def test_words_that_no_database_keeps_stop_nobody_s_mail(book: Book, odd: str) -> None:
    mailing_id = book.accept(4)
    lease = book.claim()
    ids = book.inside(lease)

    async def work() -> None:
        writer = Recorder(asyncio.get_running_loop(), book.database, book.database.direct(), lease)
        for delivery_id in ids:
            assert await writer.mark(1, delivery_id)
        writer.sent(ids[0], 250, "first")
        writer.sent(ids[1], 250, f"2.0.0 {odd} Ok")
        writer.trouble(failed(ids[2], f"5.1.1 {odd} No"))
        writer.trouble(failed(ids[3], "fourth"))
        await asyncio.wait_for(writer.drained(), 5)

    asyncio.run(work())
    assert book.close(lease)
    assert book.states(mailing_id) == {"sent": 2, "failed": 2}
    found = replies(book)
    assert "first" in found and "fourth" in found, "who shares their commit keeps their words"
    if odd != "\0" or not book.database.is_sqlite:
        assert "2.0.0 ? Ok" in found and "5.1.1 ? No" in found


def test_an_outcome_that_can_never_be_written_leaves_its_mail_in_doubt_and_no_other(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing_id = book.accept(2)
    lease = book.claim()
    first, second = book.inside(lease)
    monkeypatch.setattr(group, "TRIES_OF_ONE", 2)
    real = tries.record_troubles

    def refuses(connection: Any, of: Lease, troubles: list[Outcome]) -> set[int]:
        if any(outcome.delivery_id == first for outcome in troubles):
            raise ValueError("not this one")
        return real(connection, of, troubles)

    monkeypatch.setattr(tries, "record_troubles", refuses)

    async def work() -> None:
        writer = Recorder(asyncio.get_running_loop(), book.database, book.database.direct(), lease)
        assert await writer.mark(1, first)
        assert await writer.mark(1, second)
        writer.trouble(failed(first))
        writer.trouble(failed(second))
        await asyncio.wait_for(writer.drained(), 30)

    asyncio.run(work())
    assert supervision.troubles() == ["the recorder fails (ValueError)"]
    assert not book.close(lease), "it is left to its lease, for what became of one is not on disk"
    book.die(lease)
    assert book.states(mailing_id) == {"unknown": 1, "failed": 1}


def test_a_mark_that_cannot_be_set_is_an_error_of_its_own_session(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.accept(2)
    lease = book.claim()
    first, second = book.inside(lease)

    async def work() -> None:
        direct = book.database.direct()
        writer = Recorder(asyncio.get_running_loop(), book.database, direct, lease)
        way = "change_each" if book.database.is_sqlite else "run"
        calls = raising(direct, way, monkeypatch, times=2)  # together, then by itself
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(writer.mark(1, first), 5)
        assert await asyncio.wait_for(writer.mark(1, second), 5) and len(calls) == 3

    asyncio.run(work())
    book.die(lease)


# What comes round again

Round = Callable[[], Awaitable[None]]


@pytest.fixture
def hold(database: Database) -> HoldWatch:
    watch = HoldWatch(database)
    watch.look()
    return watch


@pytest.fixture
def rounds(
    database: Database,
    hold: HoldWatch,
    queue: Queue,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> tuple[Round, list[int]]:
    """One of a worker's tasks that go round, whose rounds raise twice; and how many there were."""
    for of, name in ((probing, "PROBES_EVERY"), (parking, "NOTED_EVERY")):
        monkeypatch.setattr(of, name, 0.01)
    monkeypatch.setattr(calling, "DUE_CALLS_LOOKED_AT_EVERY", 0.01)
    relays = worker_process._relays(settings, database, "ann")
    parts: dict[str, tuple[Any, str]] = {
        "probing": (Probing(database, relays, hold), "look"),
        "webhooks": (Webhooks(database, queue, settings, hold), "round"),
        "parking": (Parking(database, "ann"), "_note"),
    }
    part, name = parts[request.param]
    return part.run, raising(part, name, monkeypatch, times=2)


@pytest.mark.parametrize("rounds", ["probing", "webhooks", "parking"], indirect=True)
def test_a_round_that_raises_is_followed_by_the_next_one(rounds: tuple[Round, list[int]]) -> None:
    run, calls = rounds

    async def work() -> None:
        task = asyncio.ensure_future(run())
        while len(calls) < 4 and not task.done():
            await asyncio.sleep(0.01)
        assert not task.done()
        assert len(supervision.troubles()) == 1
        task.cancel()

    asyncio.run(asyncio.wait_for(work(), 10))


class Throwing:
    """Awaits `of`, and raises in it when it waits for the `at`-th time."""

    def __init__(self, of: Awaitable[None], at: int) -> None:
        self._of, self._left = of, at

    def __await__(self) -> Generator[Any, Any, None]:
        inner = self._of.__await__()
        waits = next(inner)
        while True:
            self._left -= 1
            if self._left == 0:
                getattr(waits, "cancel", lambda: None)()
                waits = inner.throw(RuntimeError("thrown in at an await"))
                continue
            try:
                sent = yield waits
            except BaseException as error:
                waits = inner.throw(error)
            else:
                waits = inner.send(sent)


@pytest.mark.parametrize("at", range(1, 5))
@pytest.mark.parametrize("rounds", ["probing", "webhooks", "parking"], indirect=True)
def test_an_error_at_any_await_is_survived_or_ends_the_process(
    rounds: tuple[Round, list[int]], monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    run, calls = rounds
    ended: list[str] = []
    monkeypatch.setattr(supervision, "died", lambda who, error: ended.append(who))

    async def thrown() -> None:
        await Throwing(run(), at)

    async def work() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.run_coroutine_threadsafe(thrown(), loop)
        supervision.may_not_die("this part", task)
        until = loop.time() + 5
        while not ended and len(calls) < at + 4 and loop.time() < until:
            await asyncio.sleep(0.01)
        assert ended or len(calls) >= at + 4
        task.cancel()

    asyncio.run(work())


def test_a_round_of_the_sweeper_that_raises_is_followed_by_the_next_one(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeper = Sweeper(database, queue, "ann")
    calls = raising(sweeper, "round", monkeypatch)
    sweeper.start()
    wait_until(lambda: len(calls) >= 2, 10, "the next round")
    sweeper.stop()
    assert supervision.troubles() == ["the sweeper fails (RuntimeError)"]


STEPS = ("_reap", "_start_scheduled", "_end_stopped", "_carry_on", "_gather", "_find_forgotten")


@pytest.mark.parametrize("step", STEPS)
def test_one_step_of_a_sweep_keeps_no_other_from_its_turn(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    sweeper = Sweeper(database, queue, "ann")
    sweeper.round()  # makes the row of the sweeper's turn
    raising(sweeper, step, monkeypatch, times=99)
    others = [raising(sweeper, name, monkeypatch, times=0) for name in STEPS if name != step]
    assert sweeper.round() and all(others)
    assert supervision.troubles() == ["a part of a sweep fails (RuntimeError)"]


def test_one_mailing_that_cannot_be_gathered_holds_up_no_other(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(database)
    mailings = [book.accept(30), book.accept(30)]
    for lease in [book.claim(), book.claim()]:
        book.close(lease)
    sweeper = Sweeper(database, queue, "ann")
    sweeper.round()
    calls = raising(gather, "gather", monkeypatch)
    assert sweeper.round() and len(calls) == len(mailings)
    assert len(book.waiting()) == 1


def test_an_outage_of_the_ledger_is_no_failure_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    sweeper = Sweeper(away, Queue("redis://127.0.0.1:1"), "ann")
    calls = raising(sweeper, "round", monkeypatch, times=0)
    sweeper.start()
    wait_until(lambda: len(calls) >= 2, 10, "the next round")
    sweeper.stop()
    assert supervision.troubles() == []
