from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mailroom.queue import BULK, Queue
from mailroom.queue.queue import REST_AFTER_TIMEOUT
from tests.queue.stage import Stage
from tests.servers import Valkey, wait_until

Start = Callable[..., Stage]


@pytest.fixture
def queue(own_valkey: Valkey) -> Queue:
    own_valkey.append_only = False
    own_valkey.stop()
    own_valkey.start()
    return Queue(own_valkey.url)


def test_a_restart_that_lost_everything(queue: Queue, own_valkey: Valkey, stage: Start) -> None:
    workers = stage(own_valkey.url)
    workers.wait_for("start")
    wait_until(lambda: queue.workers())
    own_valkey.kill()
    time.sleep(2)
    own_valkey.start()
    queue.enqueue([(1, 0, 5, BULK)])
    began = time.monotonic()
    workers.wait_for("end")
    assert time.monotonic() - began < 2, "it does not back off for long"
    wait_until(lambda: queue.workers(), 8, "the worker on the list again")
    assert len(workers.lines("start")) == 1


def test_a_restart_in_the_middle_of_a_job(queue: Queue, own_valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(1, 3_000, 5, BULK)])
    workers = stage(own_valkey.url)
    workers.wait_for("begin")
    own_valkey.kill()
    workers.wait_for("end")
    own_valkey.start()
    queue.enqueue([(2, 0, 5, BULK)])
    workers.wait_for("end", 2)
    assert len(workers.lines("start")) == 1


def test_a_redis_that_is_not_there_yet(queue: Queue, own_valkey: Valkey, stage: Start) -> None:
    own_valkey.kill()
    workers = stage(own_valkey.url, "--pool", "1")
    workers.wait_for("start")
    time.sleep(1)
    own_valkey.start()
    queue.enqueue([(1, 0, 5, BULK)])
    workers.wait_for("end")
    assert len(workers.lines("start")) == 1


def test_one_that_hangs(queue: Queue, own_valkey: Valkey, stage: Start) -> None:
    workers = stage(own_valkey.url)
    workers.wait_for("start")
    wait_until(lambda: queue.workers())
    own_valkey.pause()
    time.sleep(5)
    own_valkey.go_on()
    time.sleep(REST_AFTER_TIMEOUT)
    queue.enqueue([(1, 0, 5, BULK)])
    workers.wait_for("end", timeout=6)
    assert len(workers.lines("start")) == 1


def test_it_stops_while_redis_hangs(queue: Queue, own_valkey: Valkey, stage: Start) -> None:
    workers = stage(own_valkey.url, "--pool", "1")
    workers.wait_for("start")
    wait_until(lambda: queue.workers())
    own_valkey.pause()
    time.sleep(1)
    workers.send()
    workers.wait(9)
    own_valkey.go_on()


def test_a_full_one_does_not_keep_it_from_running_what_is_queued(
    queue: Queue, own_valkey: Valkey, stage: Start
) -> None:
    queue.enqueue([(number, 0, 5, BULK) for number in range(5)])
    own_valkey.client.config_set("maxmemory", 1)
    workers = stage(own_valkey.url)
    workers.wait_for("end", 5)
    own_valkey.client.config_set("maxmemory", 0)
    queue.enqueue([(9, 0, 5, BULK)])
    workers.wait_for("end", 6)
    assert workers.batches() == [0, 1, 2, 3, 4, 9]
    assert len(workers.lines("start")) == 1


def test_everything_wiped_in_mid_run(queue: Queue, own_valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(1, 1_000, 5, BULK)])
    workers = stage(own_valkey.url)
    workers.wait_for("begin")
    own_valkey.client.flushall()
    workers.wait_for("end")
    queue.enqueue([(2, 0, 5, BULK)])
    workers.wait_for("end", 2)
    wait_until(lambda: queue.workers(), 8, "the worker on the list again")
