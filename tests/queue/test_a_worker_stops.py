from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from mailroom.queue import BULK, Queue
from tests import hang_ups
from tests.queue.stage import Stage
from tests.servers import Valkey, wait_until

Start = Callable[..., Stage]
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
STUBBORN = 600_000
"""A job that does not stop when it is asked to."""


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("options", [(), ("--pool", "2")])
@pytest.mark.parametrize("number", SIGNALS)
def test_an_idle_one_ends_within_seconds(
    queue: Queue, valkey: Valkey, stage: Start, options: tuple[str, ...], number: signal.Signals
) -> None:
    workers = stage(valkey.url, *options)
    workers.wait_for("start", 2 if options else 1)
    wait_until(lambda: queue.workers())
    workers.send(number)
    assert workers.wait(3) == 0
    assert not any(lives(pid) for pid in workers.pids())
    assert queue.workers() == []
    assert len(workers.lines("stop")) == len(workers.pids())


@pytest.mark.parametrize("options", [(), ("--pool", "2")])
def test_a_terminal_that_hangs_up_tells_all_of_them_and_ends_them_in_order(
    queue: Queue, valkey: Valkey, stage: Start, options: tuple[str, ...]
) -> None:
    queue.enqueue([(1, 30_000, 5, BULK)])
    workers = stage(valkey.url, *options)
    workers.wait_for("start", 2 if options else 1)
    workers.wait_for("begin")
    os.killpg(workers.process.pid, signal.SIGHUP)
    assert workers.wait(3) == 0
    assert not any(lives(pid) for pid in workers.pids())
    assert len(workers.lines("end")) == 1 and len(workers.lines("stop")) == len(workers.pids())


@pytest.mark.parametrize("options", [(), ("--pool", "1")])
def test_one_that_was_started_to_outlive_the_terminal_goes_on(
    queue: Queue, valkey: Valkey, stage: Start, options: tuple[str, ...]
) -> None:
    with hang_ups.ignored():
        workers = stage(valkey.url, *options)
    workers.wait_for("start")
    wait_until(lambda: queue.workers())
    os.killpg(workers.process.pid, signal.SIGHUP)
    queue.enqueue([(1, 0, 5, BULK)])
    workers.wait_for("end")
    workers.send()
    assert workers.wait(3) == 0


@pytest.mark.parametrize("options", [(), ("--pool", "1")])
def test_a_busy_one_lets_its_job_hand_back_and_takes_no_other(
    queue: Queue, valkey: Valkey, stage: Start, options: tuple[str, ...]
) -> None:
    queue.enqueue([(1, 30_000, 5, BULK), (2, 0, 5, BULK)])
    workers = stage(valkey.url, *options)
    workers.wait_for("begin")
    workers.send()
    assert workers.wait(3) == 0
    assert [line[1] for line in workers.lines()] == ["start", "begin", "request_stop", "end", "stop"]
    assert queue.waiting(BULK) == 1
    assert queue.redis.hget("rq:job:deliver-1-30000", "status") == b"finished"


@pytest.mark.parametrize("options", [(), ("--pool", "1")])
def test_a_second_signal_ends_it_at_once(
    queue: Queue, valkey: Valkey, stage: Start, options: tuple[str, ...]
) -> None:
    queue.enqueue([(1, STUBBORN, 5, BULK)])
    workers = stage(valkey.url, *options)
    workers.wait_for("begin")
    workers.send()
    time.sleep(0.1)
    workers.send()
    time.sleep(0.7)
    assert workers.process.poll() is None, "the same signal twice in a moment is one"
    workers.send()
    workers.wait(1)
    assert not any(lives(pid) for pid in workers.pids())


def test_a_job_that_does_not_stop_is_cut_off_within_ten_seconds(
    queue: Queue, valkey: Valkey, stage: Start
) -> None:
    queue.enqueue([(1, STUBBORN, 5, BULK)])
    workers = stage(valkey.url, "--pool", "1")
    workers.wait_for("begin")
    workers.send()
    workers.wait(10)
    assert not any(lives(pid) for pid in workers.pids())


def test_a_killed_one_is_replaced_and_forgotten(queue: Queue, valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(1, STUBBORN, 5, BULK)])
    workers = stage(valkey.url, "--pool", "1")
    workers.wait_for("begin")
    wait_until(lambda: queue.workers()[0].job_id)
    [pid] = workers.pids()
    os.kill(pid, signal.SIGKILL)
    workers.wait_for("start", 2)
    wait_until(lambda: [worker.pid for worker in queue.workers()] == workers.pids()[1:])
    assert queue.missing([(1, STUBBORN)]) == [(1, STUBBORN)]


def test_workers_end_when_their_pool_is_killed(queue: Queue, valkey: Valkey, stage: Start) -> None:
    workers = stage(valkey.url, "--pool", "2")
    workers.wait_for("start", 2)
    wait_until(lambda: len(queue.workers()) == 2)
    workers.send(signal.SIGKILL)
    wait_until(lambda: not any(lives(pid) for pid in workers.pids()), 4)
    assert len(workers.lines("request_stop")) == 2
    assert queue.workers() == []
