from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from mailroom.queue import BULK, URGENT, Queue
from tests.queue.stage import Stage
from tests.servers import Valkey, wait_until


def test_it_is_not_missing_while_it_waits(queue: Queue) -> None:
    queue.enqueue([(1, 0, 5, BULK), (2, 0, 5, URGENT)])
    assert queue.missing([(1, 0), (2, 0)]) == []
    assert queue.missing([]) == []


def test_it_is_missing_when_redis_never_had_it_or_has_another_epoch(queue: Queue) -> None:
    queue.enqueue([(1, 4, 5, BULK)])
    assert queue.missing([(1, 3), (1, 4), (2, 0)]) == [(1, 3), (2, 0)]


def test_it_is_missing_when_its_worker_died_right_after_the_pop(queue: Queue) -> None:
    queue.enqueue([(1, 0, 5, BULK)])
    queue.redis.lpop("rq:queue:bulk")
    assert queue.redis.hget("rq:job:deliver-1-0", "status") == b"queued"
    assert queue.missing([(1, 0)]) == [(1, 0)]


def test_it_is_not_missing_while_a_worker_has_it_and_missing_when_that_is_killed(
    queue: Queue, valkey: Valkey, stage: Callable[..., Stage]
) -> None:
    queue.enqueue([(1, 60_000, 5, BULK)])
    workers = stage(valkey.url)
    workers.wait_for("begin")
    wait_until(lambda: queue.workers()[0].job_id == "deliver-1-60000")
    assert queue.missing([(1, 60_000)]) == []
    workers.end()
    assert 0 < queue.redis.ttl(f"rq:worker:{queue.workers()[0].name}") <= 30
    queue.forget_worker(queue.workers()[0].name)  # what the pool does at once, and Redis after the TTL
    assert queue.missing([(1, 60_000)]) == [(1, 60_000)]
    queue.enqueue([(1, 60_000, 5, BULK)])
    assert queue.missing([(1, 60_000)]) == []


def test_it_is_missing_when_its_job_ended_and_is_still_kept(
    queue: Queue, valkey: Valkey, stage: Callable[..., Stage]
) -> None:
    queue.enqueue([(1, 0, 5, BULK)])
    stage(valkey.url, "--burst").wait()
    assert queue.redis.hget("rq:job:deliver-1-0", "status") == b"finished"
    assert queue.missing([(1, 0)]) == [(1, 0)]


def far_behind(queue: Queue, jobs: int) -> None:
    """Each with a batch's number, on the bulk queue: of its jobs only ids are read."""
    queue.redis.rpush("rq:queue:bulk", *(f"deliver-{number}-0" for number in range(jobs)))


def test_a_long_queue_is_not_held_as_a_whole_while_it_is_looked_through(queue: Queue) -> None:
    far_behind(queue, 100_000)
    lost = (100_000, 0)
    queue.missing([lost])  # whatever is made once
    tracemalloc.start()
    assert queue.missing([(0, 0), (45_000, 0), (99_999, 0), lost]) == [lost]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3_000_000, f"{most:,} octets"


def test_it_is_not_missing_when_workers_take_others_meanwhile(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    far_behind(queue, 35_000)
    there, lrange = [(number, 0) for number in range(100, 35_000, 70)], queue.redis.lrange

    def and_workers_take_some(*given: Any) -> Any:
        found = lrange(*given)
        queue.redis.lpop("rq:queue:bulk", 10)
        return found

    monkeypatch.setattr(queue.redis, "lrange", and_workers_take_some)
    assert queue.missing(there) == []
    assert queue.redis.llen("rq:queue:bulk") < 35_000
