"""Marks and outcomes while the ledger is locked, and after the batch was taken away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import text

from mailroom.database.engine import Database
from mailroom.engine.send.recorder import Recorder
from mailroom.ledger import states
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries.tries import Outcome
from tests.invariants import counters_agree
from tests.ledger.book import Book


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    """As a worker opens it: it waits for a lock, but not for long."""
    database = Database(database_url, durable=False, busy_timeout=100)
    yield Book(database)
    counters_agree(database)
    database.dispose()


def lock_for(url: str, seconds: float) -> Thread:
    """Somebody else holds the ledger; returns when that is so."""
    held = Event()

    def hold() -> None:
        database = Database(url)
        with database.begin() as connection:
            if not database.is_sqlite:
                connection.execute(text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"))
            held.set()
            time.sleep(seconds)
        database.dispose()

    thread = Thread(target=hold)
    thread.start()
    held.wait()
    return thread


OK = 250, "2.0.0 Ok"


def failed(delivery_id: int) -> Outcome:
    return Outcome(delivery_id, states.FAILED, 550, "5.1.1 No", "sink:25", "rcpt")


async def work(book: Book, lease: Lease, first: int, second: int, third: int) -> list[bool]:
    recorder = Recorder(asyncio.get_running_loop(), book.database, book.database.direct(), lease)
    assert await recorder.mark(1, first)
    thread = lock_for(book.database.url, 0.7)
    recorder.sent(first, *OK)
    recorder.trouble(failed(third))
    answer = await recorder.mark(1, second)
    recorder.sent(second, *OK)
    await recorder.drained()
    thread.join()
    return [answer]


def test_outcomes_are_kept_and_marks_wait_until_it_is_back(book: Book) -> None:
    mailing_id = book.accept(3)
    lease = book.claim()
    answers = asyncio.run(work(book, lease, *book.inside(lease)))
    assert answers == [True]
    assert book.close(lease)
    assert book.states(mailing_id) == {"sent": 2, "failed": 1}
    assert book.mailing(mailing_id).ended_at is not None


def test_what_the_server_said_counts_after_the_batch_was_taken_away(book: Book) -> None:
    mailing_id = book.accept(2)
    lease = book.claim()
    first, second = book.inside(lease)

    async def late() -> tuple[bool, str]:
        recorder = Recorder(asyncio.get_running_loop(), book.database, book.database.direct(), lease)
        assert await recorder.mark(1, first)
        book.die(lease)
        recorder.sent(first, *OK)
        answer = await recorder.mark(1, second)
        await recorder.drained()
        return answer, recorder.refused[second]

    assert asyncio.run(late()) == (False, "lost")
    assert book.states(mailing_id) == {"sent": 1, "queued": 1}


def test_what_is_asked_for_twice_is_marked_once(book: Book) -> None:
    book.accept(2)
    lease = book.claim()
    first, second = book.inside(lease)
    direct = book.database.direct()

    async def several() -> list[bool]:
        recorder = Recorder(asyncio.get_running_loop(), book.database, direct, lease)
        asked = [(1, first), (2, second), (3, first)]
        answers = await asyncio.gather(*(recorder.mark(*one) for one in asked))
        recorder.sent(first, 250, "2.0.0 Ok")
        answers.append(await recorder.mark(4, first))
        await recorder.drained()
        return answers

    assert asyncio.run(several()) == [True, True, False, False]
    assert (book.delivery(first).state, book.delivery(first).session_id) == ("sent", 1)
    direct.close()
    book.die(lease)


def counted(run: Callable[..., Any], commits: list[int]) -> Callable[..., Any]:
    def noted(*given: Any) -> Any:
        commits.append(1)
        return run(*given)

    return noted


def test_all_sessions_share_a_commit(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    book.accept(20)
    lease = book.claim()
    ids = book.inside(lease)
    direct = book.database.direct()
    commits: list[int] = []
    for way in ("run", "change_each"):
        monkeypatch.setattr(direct, way, counted(getattr(direct, way), commits))

    async def many() -> list[bool]:
        recorder = Recorder(asyncio.get_running_loop(), book.database, direct, lease)
        return await asyncio.gather(*(recorder.mark(number, id) for number, id in enumerate(ids)))

    assert asyncio.run(many()) == [True] * 20
    assert len(commits) == 1
    direct.close()
    book.die(lease)
