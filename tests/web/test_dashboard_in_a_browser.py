from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from redis.typing import EncodableT, FieldT

from app import create_app
from mailroom.queue import BULK, Queue
from mailroom.settings import Settings
from tests.queue import conftest
from tests.queue.stage import FAILS, Stage
from tests.servers import Valkey, wait_until
from tests.serving import served
from tests.web.test_dashboard import way_in

stage = conftest.stage

SCRIPT = "<img src=x onerror='window.ran = 1'><script>window.ran = 1</script>"


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def page(browser: Browser, app: Flask, url: str) -> Iterator[Page]:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{url}{way_in(app)}")
    yield page
    assert page.evaluate("window.ran") is None, "a stored script ran"
    assert complaints == []


@pytest.fixture
def queue(valkey: Valkey) -> Queue:
    return Queue(valkey.url)


def test_the_queue_can_be_watched(
    page: Page, url: str, queue: Queue, valkey: Valkey, stage: Callable[..., Stage]
) -> None:
    queue.enqueue([(number, 60_000, 100, BULK) for number in (1, 2)])
    stage(valkey.url)
    wait_until(lambda: queue.workers() and queue.workers()[0].job_id)
    page.goto(f"{url}/queue/")
    expect(page.locator("tr[data-role=queue]", has_text="bulk")).to_contain_text("1")
    page.get_by_role("link", name="Workers").click()
    expect(page.locator("tr[data-role=worker]")).to_contain_text("deliver batch 1 (100 mails)")
    page.goto(f"{url}/queue/0/view/jobs/bulk/queued/8/asc/1")
    expect(page.locator("tr[data-role=job]")).to_contain_text("deliver batch 2 (100 mails)")
    page.get_by_role("link", name="deliver-2-60000").click()
    expect(page.locator("#job-data")).to_contain_text("deliver batch 2 (100 mails)")
    page.get_by_role("link", name="Mailroom").click()
    assert page.url == f"{url}/"


def test_a_failed_job_is_requeued_and_deleted(
    page: Page, url: str, queue: Queue, valkey: Valkey, stage: Callable[..., Stage]
) -> None:
    queue.enqueue([(1, FAILS, 5, BULK)])
    stage(valkey.url, "--burst").wait()
    page.goto(f"{url}/queue/0/view/jobs/bulk/failed/8/asc/1")
    page.get_by_role("link", name="Requeue", exact=True).click()
    wait_until(lambda: queue.waiting(BULK) == 1)
    page.goto(f"{url}/queue/0/view/job/deliver-1-{FAILS}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Yes").click()
    wait_until(lambda: queue.waiting(BULK) == 0)
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()


def test_what_a_job_or_a_worker_says_is_only_text(page: Page, url: str, queue: Queue) -> None:
    data = json.dumps(["jobs.deliver.deliver", None, [1, 0], {}])
    fields: dict[FieldT, EncodableT] = {
        "data": data,
        "status": "failed",
        "description": SCRIPT,
        "origin": SCRIPT,
        "created_at": "",
    }
    redis = queue.redis
    redis.hset("rq:job:x", mapping=fields)
    redis.zadd("rq:failed:bulk", {"x": 9e9})
    redis.sadd("rq:workers", "rq:worker:w")
    redis.hset("rq:worker:w", mapping={"queues": SCRIPT, "state": "busy", "python_version": f'">{SCRIPT}'})
    redis.sadd("rq:worker:w:executions", "x:1")
    redis.hset("rq:execution:x:1", mapping={"created_at": 1, "last_heartbeat": 1, "worker_name": "w"})
    page.goto(f"{url}/queue/0/view/job/x")
    expect(page.locator(".description-scroll")).to_have_text(SCRIPT)
    redis.hset("rq:job:x", "origin", "bulk")
    page.goto(f"{url}/queue/0/view/jobs/bulk/failed/8/asc/1")
    expect(page.locator("tr[data-role=job] .description")).to_have_text(SCRIPT)
    page.goto(f"{url}/queue/0/view/workers")
    expect(page.locator("tr[data-role=worker] a")).to_contain_text(SCRIPT)
    page.wait_for_timeout(100)
