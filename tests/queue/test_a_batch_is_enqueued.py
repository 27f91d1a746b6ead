from __future__ import annotations

import json
import zlib

import pytest
import rq

from mailroom.queue import BULK, URGENT, Job, Queue
from mailroom.queue.new_jobs import FAILURE_TTL, JOB_TIMEOUT, RESULT_TTL
from tests.queue.stage import job_of
from tests.servers import Valkey


def test_it_lies_on_its_queue_and_names_nothing_but_numbers(queue: Queue) -> None:
    assert queue.enqueue([(42, 3, 100, BULK), (43, 0, 1, URGENT)])
    assert (queue.waiting(BULK), queue.waiting(URGENT)) == (1, 1)
    bulk, urgent = (job_of(queue, id) for id in ("deliver-42-3", "deliver-43-0"))
    assert json.loads(zlib.decompress(bulk[b"data"])) == ["jobs.deliver.deliver", None, [42, 3], {}]
    assert bulk[b"description"] == b"deliver batch 42 (100 mails)"
    assert urgent[b"description"] == b"deliver batch 43 (1 mail)"


def test_many_lie_there_in_their_order(queue: Queue) -> None:
    assert queue.enqueue((number, 0, 100, BULK) for number in range(2_500))
    ids = queue.redis.lrange("rq:queue:bulk", 0, -1)
    assert ids == [f"deliver-{number}-0".encode() for number in range(2_500)]


def test_nothing_is_nothing(queue: Queue) -> None:
    assert not queue.enqueue([])


def test_it_can_be_enqueued_again_under_the_same_id(queue: Queue, valkey: Valkey) -> None:
    queue.enqueue([(1, 0, 5, BULK)])
    queue.redis.lpop("rq:queue:bulk")
    queue.redis.hset("rq:job:deliver-1-0", mapping={"status": "started", "worker_name": "gone"})
    queue.redis.zadd("rq:wip:bulk", {"deliver-1-0:1": 1})
    for registry in ("failed", "finished"):
        queue.redis.zadd(f"rq:{registry}:bulk", {"deliver-1-0": 1})
    queue.enqueue([(1, 0, 5, BULK)], again=True)
    assert queue.redis.hget("rq:job:deliver-1-0", "status") == b"queued"
    assert not queue.redis.hget("rq:job:deliver-1-0", "worker_name")
    assert queue.redis.keys("rq:*:bulk") == [b"rq:queue:bulk"]


@pytest.mark.parametrize("queue_name", [URGENT, BULK])
def test_it_is_known_to_rq(queue: Queue, queue_name: str) -> None:
    queue.enqueue([(1, 0, 5, queue_name)])
    assert queue.redis.smembers("rq:queues") == {f"rq:queue:{queue_name}".encode()}


def test_rq_reads_what_it_would_have_written_itself(queue: Queue) -> None:
    queue.enqueue([(42, 3, 100, BULK)])
    ours = Job.fetch("deliver-42-3", queue.redis)
    theirs = rq.Queue(BULK, connection=queue.redis, serializer="json").enqueue(
        "jobs.deliver.deliver",
        42,
        3,
        job_id="theirs",
        description="deliver batch 42 (100 mails)",
        job_timeout=JOB_TIMEOUT,
        result_ttl=RESULT_TTL,
        failure_ttl=FAILURE_TTL,
    )
    assert ours.get_status() == theirs.get_status()
    assert ours.created_at and ours.enqueued_at
    unlike = ("created_at", "enqueued_at", "data")
    assert set(ours.to_dict()) == set(theirs.to_dict())
    for name in set(ours.to_dict()) - set(unlike):
        assert ours.to_dict()[name] == theirs.to_dict()[name], name
    assert (ours.func_name, ours.args, ours.kwargs) == (theirs.func_name, [42, 3], {})
