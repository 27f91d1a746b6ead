from __future__ import annotations

from collections.abc import Callable

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
