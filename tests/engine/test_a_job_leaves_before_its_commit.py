"""On SQLite a job is on the queue before its batch is committed: whoever takes it waits for that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from mailroom.database.engine import Database
from mailroom.engine.accept import early_jobs
from mailroom.ledger.schema import batches
from mailroom.ledger.states import State
from mailroom.queue import URGENT, Queue
from tests.servers import Valkey
from tests.system import System


@pytest.fixture
def system(tmp_path: Path, sqlite_url: str, valkey: Valkey) -> Iterator[System]:
    with System(tmp_path, sqlite_url, valkey.url) as system:
        system.accept(1)  # the first one opens a connection
        yield system


@contextmanager
def before_commits(database: Database, happens: Callable[[], object]) -> Iterator[None]:
    def commit(_: Any) -> None:
        happens()

    event.listen(database.engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(database.engine, "commit", commit)


def number_of_batches(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(batches)).scalar_one())


def arrives(system: System, number: int) -> None:
    system.wait(lambda: len(system.sink.messages()) >= number, 8)


def test_it_lies_on_the_queue_when_the_commit_begins(system: System) -> None:
    waiting: list[int] = []
    with before_commits(system.database, lambda: waiting.append(system.queue.waiting(URGENT))):
        time.sleep(1.1)  # the first batch takes nobody any more
        accepted = system.accept(1)
    assert accepted.enqueued
    assert waiting == [2]
    assert system.queue.waiting(URGENT) == 2


def test_on_postgresql_which_would_show_nothing_yet_it_does_not(
    tmp_path: Path, postgres_url: str, valkey: Valkey
) -> None:
    with System(tmp_path, postgres_url, valkey.url) as system:
        system.accept(1)
        waiting: list[int] = []
        with before_commits(system.database, lambda: waiting.append(system.queue.waiting(URGENT))):
            time.sleep(1.1)
            assert system.accept(1).enqueued
        assert set(waiting) == {1}
        assert system.queue.waiting(URGENT) == 2


@pytest.mark.parametrize("lasts", [0.3, early_jobs.COMMITS_WITHIN + 1.5])
def test_a_worker_that_has_it_first_waits_or_gets_it_again(system: System, lasts: float) -> None:
    """The second one gives up waiting for the lock: not until the sweeper comes, after ten seconds."""
    system.start_workers()
    arrives(system, 1)
    with before_commits(system.database, lambda: time.sleep(lasts)):
        accepted = system.accept(1)
    assert accepted.enqueued
    arrives(system, 2)
    assert system.wait_until_over(accepted.mailing_id).counts[State.SENT] == 1
    time.sleep(1)
    assert len(system.sink.messages()) == 2


class DiskFull(Exception):
    """Instead of a commit."""


def test_one_whose_commit_fails_does_no_harm_and_its_number_can_come_again(system: System) -> None:
    def fail() -> None:
        raise DiskFull

    time.sleep(1.1)
    with before_commits(system.database, fail), pytest.raises(DiskFull):
        system.accept(["lost@mail.example"])
    assert system.queue.waiting(URGENT) == 2
    system.accept(["kept@mail.example"])
    assert number_of_batches(system.database) == 2
    system.start_workers()
    arrives(system, 2)
    system.wait(lambda: system.queue.waiting(URGENT) == 0)
    system.wait(lambda: number_of_batches(system.database) == 0)
    assert sorted(message.recipient for message in system.sink.messages()) == sorted(
        ["person0@mail.example", "kept@mail.example"]
    )


def test_a_hung_redis_does_not_hold_the_write_lock(
    tmp_path: Path, sqlite_url: str, own_valkey: Valkey
) -> None:
    with System(tmp_path, sqlite_url, own_valkey.url) as system, ThreadPoolExecutor(1) as beside:
        system.accept(1)
        time.sleep(1.1)
        own_valkey.pause()
        committed = Event()
        with before_commits(system.database, committed.set):
            accepting = beside.submit(system.accept, 1)
            assert committed.wait(0.5), "Redis would be waited for a second"
        began = time.monotonic()
        other = Database(sqlite_url)
        with other.begin():
            pass
        other.dispose()
        assert time.monotonic() - began < 0.5
        assert not accepting.result(10).enqueued
        own_valkey.go_on()
        assert number_of_batches(system.database) == 2


def test_what_redis_never_read_is_enqueued_again(tmp_path: Path, sqlite_url: str, own_valkey: Valkey) -> None:
    def restart() -> None:
        own_valkey.kill()
        own_valkey.start()

    with System(tmp_path, sqlite_url, own_valkey.url) as system:
        system.accept(1)
        time.sleep(1.1)
        before = own_valkey.client.llen("rq:queue:urgent")
        own_valkey.pause()
        with before_commits(system.database, restart):
            assert system.accept(1).enqueued
        assert own_valkey.client.llen("rq:queue:urgent") == before + 1


def test_who_writes_together_with_others_holds_up_nobody_for_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    early: list[int] = []
    send = Queue.enqueue_early

    def counted(*given: Any) -> Any:
        early.append(1)
        return send(*given)

    monkeypatch.setattr(Queue, "enqueue_early", counted)
    with ThreadPoolExecutor(16) as threads:
        accepted = list(threads.map(lambda _: system.accept(1), range(60)))
    assert all(one.enqueued for one in accepted)
    assert len(early) < 60
    system.start_workers()
    for one in accepted:
        system.wait_until_over(one.mailing_id)
    assert len(system.sink.messages()) == 61


def test_an_operational_error_is_an_operational_error(system: System) -> None:
    hasty = Database(system.database.url, busy_timeout=50)
    system.database, slow = hasty, system.database
    with slow.begin(), pytest.raises(OperationalError):
        system.accept(1)
    slow.dispose()
    assert system.queue.waiting(URGENT) == 1
