"""A developer's own jobs on the same Redis: ours leave them alone, and the dashboard shows them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import rq
from redis import Redis
from rq.registry import FailedJobRegistry, FinishedJobRegistry
from rq.worker import SimpleWorker

from app import create_app
from mailroom.queue import BULK, Queue, Worker
from mailroom.queue.heartbeat import Heartbeat
from mailroom.settings import Settings
from tests.queue.stage import Stage
from tests.servers import Valkey, wait_until
from tests.web.watching import signed_in


def add(first: int, second: int) -> int:
    return first + second


def contents(redis: Redis) -> dict[bytes, bytes | None]:
    """All that is in Redis of them, as it lies there; our own names apart."""
    keys: list[bytes] = redis.keys("*")  # type: ignore[assignment]
    mine = [key for key in keys if b"reports" in key or b"rq:job:report" in key]
    return {key: redis.dump(key) for key in sorted(mine)}


def test_ours_leave_waiting_finished_and_failed_ones_as_they_are(
    queue: Queue, valkey: Valkey, stage: Callable[..., Stage]
) -> None:
    redis = Redis.from_url(valkey.url)
    reports = rq.Queue("reports", connection=redis)
    reports.enqueue(add, 1, 2, job_id="report-done", result_ttl=3600)
    reports.enqueue(add, "one", 2, job_id="report-failed")
    SimpleWorker([reports], connection=redis).work(burst=True)
    reports.enqueue(add, 3, 4, job_id="report-waiting")
    before = contents(redis)
    queue.enqueue([(1, 0, 5, BULK)])
    workers = stage(valkey.url, "--burst")
    workers.wait()
    Heartbeat(Worker(["urgent", "bulk"], connection=queue.redis), queue.redis, 60).tidy()
    assert workers.batches() == [1]
    assert contents(redis) == before and len(before) >= 6
    assert not redis.keys("mailroom:aside:*")
    log = (workers.notes.parent / "log").read_text()
    assert "report" not in log and "none of ours" not in log
    assert reports.job_ids == ["report-waiting"]
    assert FinishedJobRegistry(queue=reports).get_job_ids() == ["report-done"]
    assert FailedJobRegistry(queue=reports).get_job_ids() == ["report-failed"]


def test_their_workers_are_not_counted_as_ours(queue: Queue, valkey: Valkey) -> None:
    redis = Redis.from_url(valkey.url)
    theirs = SimpleWorker([rq.Queue("reports", connection=redis)], connection=redis)
    theirs.register_birth()  # type: ignore[no-untyped-call]
    assert queue.workers() == [], "nobody would send mail"
    theirs.register_death()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("serializer", ["json", "pickle"])
def test_the_dashboard_shows_them_too(
    queue: Queue, valkey: Valkey, settings: Settings, serializer: str
) -> None:
    redis = Redis.from_url(valkey.url)
    reports = rq.Queue("reports", connection=redis, serializer=serializer)
    reports.enqueue(add, 1, 2, job_id="report-1")
    client = signed_in(create_app(settings))
    queues = client.get("/queue/0/data/queues.json").json
    assert queues and ("reports", 1) in [(one["name"], one["count"]) for one in queues["queues"]]
    listed = client.get("/queue/0/data/jobs/reports/queued/8/asc/1.json").json
    assert listed and [job["id"] for job in listed["jobs"]] == ["report-1"]
    page = client.get("/queue/0/view/job/report-1")
    assert page.status_code == 200 and "What became of its mails" not in page.text
    wait_until(lambda: reports.job_ids == ["report-1"])
