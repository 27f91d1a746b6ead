from __future__ import annotations

from collections.abc import Callable

from mailroom.queue import BULK, URGENT, Job, Queue
from tests.queue.stage import FAILS, Stage, job_of
from tests.servers import Valkey, wait_until

Start = Callable[..., Stage]


def test_it_runs_all_and_ends_in_a_burst(queue: Queue, valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(number, 0, 5, BULK) for number in range(7)])
    workers = stage(valkey.url, "--burst")
    assert workers.wait() == 0
    assert workers.batches() == list(range(7))
    assert [line[1] for line in workers.lines("start", "stop")] == ["start", "stop"]


def test_a_finished_job_can_be_seen_for_a_while(queue: Queue, valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(1, 0, 5, BULK)])
    stage(valkey.url, "--burst").wait()
    job = job_of(queue, "deliver-1-0")
    assert job[b"status"] == b"finished"
    assert job[b"started_at"] < job[b"ended_at"]
    assert queue.redis.zrange("rq:finished:bulk", 0, -1) == [b"deliver-1-0"]
    assert 0 < queue.redis.ttl("rq:job:deliver-1-0") <= 300


def test_nothing_else_is_left_behind(queue: Queue, valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(1, 0, 5, BULK)])
    stage(valkey.url, "--burst").wait()
    assert sorted(queue.redis.keys("*")) == [b"rq:finished:bulk", b"rq:job:deliver-1-0", b"rq:queues"]


def test_a_failure_is_filed_without_the_words_of_others(queue: Queue, valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(1, FAILS, 5, BULK), (2, 0, 5, BULK)])
    workers = stage(valkey.url, "--burst")
    workers.wait()
    assert workers.batches() == [2]
    id = f"deliver-1-{FAILS}"
    assert queue.redis.hget(f"rq:job:{id}", "status") == b"failed"
    assert queue.redis.zrange("rq:failed:bulk", 0, -1) == [id.encode()]
    result = Job.fetch(id, queue.redis).latest_result()
    assert result is not None and result.exc_string is not None
    assert "RuntimeError" in result.exc_string and "stage.py" in result.exc_string
    assert "ann@example.org" not in result.exc_string
    assert "ann@example.org" in (workers.notes.parent / "log").read_text()


def test_urgent_goes_first_and_bulk_has_one_turn_in_five(queue: Queue, valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(number, 0, 5, BULK) for number in range(100, 110)])
    queue.enqueue([(number, 0, 5, URGENT) for number in range(10)])
    workers = stage(valkey.url, "--burst")
    workers.wait()
    assert workers.batches()[:12] == [0, 1, 2, 3, 100, 4, 5, 6, 7, 101, 8, 9]


def test_urgent_overtakes_bulk_without_burst_too(queue: Queue, valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(number, 0, 5, BULK) for number in range(100, 110)])
    queue.enqueue([(number, 0, 5, URGENT) for number in range(10)])
    workers = stage(valkey.url)
    workers.wait_for("end", 20)
    assert workers.batches()[:12] == [0, 1, 2, 3, 100, 4, 5, 6, 7, 101, 8, 9]


def test_it_describes_itself(queue: Queue, valkey: Valkey, stage: Start) -> None:
    queue.enqueue([(1, 60_000, 5, BULK)])
    workers = stage(valkey.url)
    workers.wait_for("begin")
    wait_until(lambda: queue.workers()[0].job_id)
    [worker] = queue.workers()
    assert worker.pid in workers.pids()
    assert str(worker.pid) in worker.name
    assert (worker.state, worker.queues) == ("busy", (URGENT, BULK))


def test_two_workers_share_the_work(queue: Queue, valkey: Valkey, stage: Start) -> None:
    workers = stage(valkey.url, "--pool", "2")
    workers.wait_for("start", 2)
    queue.enqueue([(number, 100, 5, BULK) for number in range(8)])
    ends = workers.wait_for("end", 8)
    assert len({line[0] for line in ends}) == 2
    assert sorted(workers.batches()) == list(range(8))


def test_it_rests_while_rq_is_suspended(queue: Queue, valkey: Valkey, stage: Start) -> None:
    queue.redis.set("rq:suspended", 1)
    queue.enqueue([(1, 0, 5, BULK)])
    workers = stage(valkey.url)
    workers.wait_for("start")
    wait_until(lambda: queue.workers())
    assert queue.waiting(BULK) == 1
    queue.redis.delete("rq:suspended")
    workers.wait_for("end")
