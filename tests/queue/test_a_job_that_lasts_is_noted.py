from __future__ import annotations

import pytest

from mailroom.queue import BULK, Queue, Worker, bookkeeping
from mailroom.queue.job import Job
from mailroom.queue.new_jobs import FAILURE_TTL

KEY, RUNNING = "rq:job:deliver-1-0", "rq:wip:bulk"


@pytest.fixture
def worker(queue: Queue) -> Worker:
    return Worker([BULK], connection=queue.redis)


def taken(queue: Queue, worker: Worker) -> Job:
    queue.enqueue([(1, 0, 5, BULK)], again=True)
    job = bookkeeping.begin(worker, BULK, b"deliver-1-0")
    assert job is not None
    return job


def test_nobody_waits_for_the_note(queue: Queue, worker: Worker) -> None:
    taken(queue, worker)
    assert not queue.redis.exists(RUNNING, worker.key)


def test_what_dies_before_it_goes_by_itself(queue: Queue, worker: Worker) -> None:
    taken(queue, worker)
    assert 0 < queue.redis.ttl(KEY) <= FAILURE_TTL
    queue.enqueue([(1, 0, 5, BULK)], again=True)
    assert queue.redis.ttl(KEY) == -1, "a job that waits waits for as long as it must"


def test_it_is_noted_once(queue: Queue, worker: Worker) -> None:
    job = taken(queue, worker)
    worker.note_job(queue.redis)
    assert queue.redis.hget(KEY, "status") == b"started"
    assert queue.redis.zrange(RUNNING, 0, -1) == [b"deliver-1-0:1"]
    assert queue.redis.hmget(worker.key, "state", "job") == [b"busy", b"deliver-1-0"]
    queue.redis.hset(worker.key, "state", "seen")
    worker.note_job(queue.redis)
    assert queue.redis.hget(worker.key, "state") == b"seen"
    bookkeeping.end_well(worker, job)
    assert queue.redis.hmget(worker.key, "state", "job") == [b"idle", b""]
    assert not queue.redis.exists(RUNNING)


def test_a_note_never_comes_after_the_end(queue: Queue, worker: Worker) -> None:
    bookkeeping.end_well(worker, taken(queue, worker))
    worker.note_job(queue.redis)
    assert queue.redis.hget(KEY, "status") == b"finished"
    assert not queue.redis.exists(RUNNING)
