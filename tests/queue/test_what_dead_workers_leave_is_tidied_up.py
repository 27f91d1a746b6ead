from __future__ import annotations

from collections.abc import Callable

from mailroom.queue import BULK, Queue, Worker
from mailroom.queue.heartbeat import Heartbeat
from tests.queue.stage import Stage
from tests.servers import Valkey, wait_until


def test_their_jobs_are_filed_as_failed_and_their_names_go(
    queue: Queue, valkey: Valkey, stage: Callable[..., Stage]
) -> None:
    queue.enqueue([(1, 60_000, 5, BULK)])
    workers = stage(valkey.url)
    wait_until(lambda: queue.workers() and queue.workers()[0].job_id)
    workers.end()
    redis = queue.redis
    redis.delete(f"rq:worker:{queue.workers()[0].name}")  # as its expiry does
    redis.zadd("rq:wip:bulk", {"deliver-1-60000:1": 1})  # as time does
    tidying = Worker(["urgent", "bulk"], connection=redis)
    Heartbeat(tidying, redis, 60).tidy()
    assert redis.hget("rq:job:deliver-1-60000", "status") == b"failed"
    assert redis.zrange("rq:failed:bulk", 0, -1) == [b"deliver-1-60000"]
    assert not redis.exists("rq:wip:bulk", "rq:workers", "rq:workers:bulk")
    assert queue.missing([(1, 60_000)]) == [(1, 60_000)]


def test_a_busy_workers_job_is_left_alone(queue: Queue, valkey: Valkey, stage: Callable[..., Stage]) -> None:
    queue.enqueue([(1, 60_000, 5, BULK)])
    stage(valkey.url)
    wait_until(lambda: queue.workers() and queue.workers()[0].job_id)
    Heartbeat(Worker(["bulk"], connection=queue.redis), queue.redis, 60).tidy()
    assert queue.redis.hget("rq:job:deliver-1-60000", "status") == b"started"
    assert queue.redis.zscore("rq:wip:bulk", "deliver-1-60000:1")
