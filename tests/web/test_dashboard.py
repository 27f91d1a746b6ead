from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from redis.typing import EncodableT, FieldT

from app import create_app
from mailroom.ledger.people import users
from mailroom.queue import BULK, Queue
from mailroom.settings import Settings
from tests.queue import conftest
from tests.queue.stage import FAILS, Stage
from tests.servers import Valkey, wait_until

stage = conftest.stage

PAGES = ["/queue/", "/queue/0/view/queues", "/queue/0/view/jobs", "/queue/0/view/workers"]
QUEUED = "/queue/0/data/jobs/bulk/queued/8/asc/1.json"
DATA = ["/queue/0/data/queues.json", "/queue/0/data/workers.json", QUEUED]


def way_in(app: Flask) -> str:
    """A path that signs a new person in."""
    with app.extensions["mailroom"].database.begin() as connection:
        user = users.add(connection, f"{uuid4().hex}@example.org", None)
        return f"/sign-in?token={users.make_link(connection, user.id)}"


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.get(way_in(app))
    return client


@pytest.fixture
def queue(valkey: Valkey) -> Queue:
    return Queue(valkey.url)


def token(client: FlaskClient) -> str:
    found = re.search(r'"X-CSRFToken": "([^"]+)"', client.get("/queue/0/view/jobs").text)
    assert found
    return found[1]


@pytest.mark.parametrize("path", [*PAGES, *DATA, "/queue/static/css/main.css", "/queue/favicon.ico"])
def test_strangers_see_nothing_of_it(app: Flask, client: FlaskClient, path: str) -> None:
    assert client.get(path, follow_redirects=True).status_code == HTTPStatus.OK
    stranger = app.test_client()
    assert stranger.get(path, headers={"Accept": "application/json"}).status_code == HTTPStatus.UNAUTHORIZED
    assert stranger.get(path).headers["Location"].startswith("/sign-in?")
    assert stranger.post("/queue/requeue/bulk").status_code == HTTPStatus.UNAUTHORIZED


def test_it_shows_what_a_job_does(client: FlaskClient, queue: Queue) -> None:
    queue.enqueue([(42, 0, 100, BULK)])
    jobs = client.get(QUEUED).json
    assert jobs and [job["description"] for job in jobs["jobs"]] == ["deliver batch 42 (100 mails)"]
    job = client.get("/queue/0/data/job/deliver-42-0.json").json
    assert job and job["status"] == "queued"
    assert client.get("/queue/0/view/job/deliver-42-0").status_code == HTTPStatus.OK


def test_its_lists_work_while_a_worker_is_busy(
    client: FlaskClient, queue: Queue, valkey: Valkey, stage: Callable[..., Stage]
) -> None:
    queue.enqueue([(1, 60_000, 100, BULK)])
    stage(valkey.url)
    wait_until(lambda: queue.workers() and queue.workers()[0].job_id)
    listed = client.get("/queue/0/data/workers.json").json
    assert listed
    [worker] = listed["workers"]
    assert worker["current_job"]["call_string"] == "deliver batch 1 (100 mails)"
    assert worker["queues"] == ["urgent", "bulk"]
    for path in [*PAGES, *DATA, "/queue/0/data/jobs/bulk/started/8/dsc/1.json"]:
        assert client.get(path, follow_redirects=True).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    "path",
    [
        "/queue/0/view/job/nobody",
        "/queue/0/data/job/nobody.json",
        "/queue/0/view/job/no%20id",
        "/queue/0/view/jobs/bulk/nowhere/8/asc/1",
        "/queue/0/data/jobs/bulk/nowhere/8/asc/1.json",
        "/queue/0/data/jobs/bulk/queued/0/asc/1.json",
        "/queue/0/data/jobs/bulk/queued/1000000/asc/1.json",
        "/queue/0/data/jobs/bulk/queued/8/asc/0.json",
        "/queue/0/data/jobs/bulk/queued/x/asc/-1.json",
        "/queue/1/view/queues",
        "/queue/7/data/workers.json",
    ],
)
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == HTTPStatus.NOT_FOUND


def test_it_says_so_when_redis_is_down(settings: Settings, own_valkey: Valkey) -> None:
    app = create_app(settings.model_copy(update={"redis_url": own_valkey.url}))
    client = app.test_client()
    client.get(way_in(app))
    own_valkey.kill()
    for path in [*PAGES, "/queue/0/view/job/deliver-1-0"]:
        response = client.get(path, follow_redirects=True)
        assert response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert "Redis cannot be reached" in response.text
        assert own_valkey.password not in response.text
    for path in [*DATA, "/queue/0/data/job/deliver-1-0.json"]:
        response = client.get(path, headers={"Accept": "application/json"})
        assert response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert response.json


def test_no_page_shows_the_address_of_redis(client: FlaskClient, valkey: Valkey) -> None:
    for path in PAGES:
        text = client.get(path, follow_redirects=True).text
        assert "redis://" not in text
        assert str(valkey.port) not in text


@pytest.fixture
def failed(queue: Queue, valkey: Valkey, stage: Callable[..., Stage]) -> str:
    queue.enqueue([(1, FAILS, 5, BULK)])
    stage(valkey.url, "--burst").wait()
    return f"deliver-1-{FAILS}"


def test_reading_changes_nothing(client: FlaskClient, queue: Queue, failed: str) -> None:
    response = client.get("/queue/requeue/bulk")
    assert response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert response.headers["Allow"] == "POST"
    assert client.head("/queue/requeue/bulk").status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert queue.waiting(BULK) == 0


def test_a_signed_in_person_can_requeue_and_delete(client: FlaskClient, queue: Queue, failed: str) -> None:
    headers = {"X-CSRFToken": token(client)}
    response = client.post(f"/queue/job/{failed}/requeue", headers=headers)
    assert response.json == {"status": "OK"}
    assert queue.redis.lrange("rq:queue:bulk", 0, -1) == [failed.encode()]
    assert client.post(f"/queue/job/{failed}/requeue", headers=headers).status_code == HTTPStatus.NOT_FOUND
    assert client.post(f"/queue/job/{failed}/delete", headers=headers).json == {"status": "OK"}
    assert queue.waiting(BULK) == 0
    assert not queue.redis.exists(f"rq:job:{failed}")


def test_all_failed_ones_can_be_requeued_and_a_queue_emptied(
    client: FlaskClient, queue: Queue, valkey: Valkey, stage: Callable[..., Stage], failed: str
) -> None:
    headers = {"X-CSRFToken": token(client)}
    assert client.post("/queue/requeue/bulk", headers=headers).json == {"status": "OK", "count": 1}
    assert queue.waiting(BULK) == 1
    assert client.post("/queue/queue/bulk/compact", headers=headers).json == {"status": "OK"}
    assert client.post("/queue/queue/bulk/queued/empty", headers=headers).json == {"status": "OK"}
    assert queue.waiting(BULK) == 0


def test_a_requeued_job_is_still_one_of_ours(
    client: FlaskClient, queue: Queue, valkey: Valkey, stage: Callable[..., Stage]
) -> None:
    queue.enqueue([(1, 0, 5, BULK)])
    queue.redis.lpop("rq:queue:bulk")
    queue.redis.hset("rq:job:deliver-1-0", "status", "failed")
    queue.redis.zadd("rq:failed:bulk", {"deliver-1-0": 9e9})
    client.post("/queue/job/deliver-1-0/requeue", headers={"X-CSRFToken": token(client)})
    workers = stage(valkey.url, "--burst")
    workers.wait()
    assert workers.batches() == [1]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRFToken": "made up"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_nobody_else_can(client: FlaskClient, queue: Queue, headers: dict[str, str]) -> None:
    queue.enqueue([(1, 0, 5, BULK)])
    if "X-CSRFToken" not in headers and headers:
        headers = {**headers, "X-CSRFToken": token(client)}
    for path in ("job/deliver-1-0/delete", "requeue/bulk", "queue/bulk/queued/empty", "queue/bulk/compact"):
        response = client.post(f"/queue/{path}", headers=headers)
        assert response.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN)
    assert queue.waiting(BULK) == 1


def test_only_its_own_pages_may_run_what_its_scripts_need(client: FlaskClient) -> None:
    first, second = (client.get("/queue/").headers["Content-Security-Policy"] for _ in range(2))
    assert "'unsafe-eval'" in first and "script-src 'self' 'unsafe-inline'" not in first
    assert first != second, "a nonce is used once"
    assert "unsafe-eval" not in client.get("/").headers["Content-Security-Policy"]


def test_it_opens_no_pickle(client: FlaskClient, valkey: Valkey) -> None:
    redis: Redis = valkey.client
    bomb = b"cos\nabort\n(tR."
    fields: dict[FieldT, EncodableT] = {
        "data": bomb,
        "meta": bomb,
        "result": bomb,
        "status": "failed",
        "description": "x",
    }
    redis.hset("rq:job:x", mapping=fields)
    redis.sadd("rq:queues", "rq:queue:bulk")
    redis.zadd("rq:failed:bulk", {"x": 9e9})
    for path in ("0/view/job/x", "0/data/job/x.json", "0/data/jobs/bulk/failed/8/asc/1.json"):
        client.get(f"/queue/{path}")
    client.post("/queue/job/x/requeue", headers={"X-CSRFToken": token(client)})
    client.post("/queue/job/x/delete", headers={"X-CSRFToken": token(client)})
    assert not redis.exists("rq:job:x")


def test_a_second_application_in_the_process_works_too(client: FlaskClient, settings: Settings) -> None:
    app = create_app(settings)
    other = app.test_client()
    other.get(way_in(app))
    assert other.get("/queue/").status_code == client.get("/queue/").status_code == HTTPStatus.OK


@pytest.mark.parametrize("key", ["rq:queue:bulk", "rq:queues", "rq:workers"])
def test_a_key_of_another_kind_is_no_redis_that_is_away(
    client: FlaskClient, valkey: Valkey, key: str
) -> None:
    valkey.client.delete(key)
    valkey.client.set(key, "x")
    path = {"rq:queue:bulk": "jobs/bulk/queued/10/asc/1.json", "rq:workers": "workers.json"}
    answer = client.get(f"/queue/0/data/{path.get(key, 'queues.json')}")
    assert answer.status_code == 503
    assert "another kind" in answer.text and "cannot be reached" not in answer.text
