"""Attacks on /queue/: hostile names in its addresses, and hostile entries in Redis.

Every one of NAMES is tried as every part of every address that rq-dashboard has, and put into
Redis wherever its pages read; then a real browser opens them, and nothing of it may run.
"""

from __future__ import annotations

import json
import re
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Error, Page, Request, expect, sync_playwright
from redis import Redis

from app import create_app
from mailroom.queue import BULK, Queue
from mailroom.queue.job import LARGEST_FIELD
from mailroom.settings import load
from mailroom.web.queue_page import dashboard
from tests.servers import Valkey
from tests.serving import served
from tests.web.watching import way_in

RUN = "window.ran=1"
NAMES = [
    f"x');}}}});{RUN}//",
    f"x');}}}});fetch('\\x2fkeys').then(()=>{{{RUN}}});//",
    f"x\\');{RUN}//",
    f"x'-({RUN})-'",
    f"x';{RUN};'",
    f'x";{RUN};"',
    f"x`${{{RUN}}}`",
    f"x\u2028{RUN}//",
    f"x\u2029{RUN}//",
    f"x\n{RUN}//",
    f"</script><script>{RUN}</script>",
    f"<!--<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"\"><img src=x onerror='{RUN}'>",
    f"' onmouseover='{RUN}' autofocus onfocus='{RUN}",
    f"<svg/onload={RUN}>",
    f"&lt;img src=x onerror={RUN}&gt;",
    f"&#39;);{RUN}//",
    f"%27);{RUN}//",
    f"%253Cscript%253E{RUN}",
    f"\\u0027);{RUN}//",
    f"javascript:{RUN}",
    f"//localhost/{RUN}",
    f"<%= {RUN} %>",
    f"<% {RUN} %>",
    f"%>{RUN}<%",
    "{{ 7 * 7 }}",
    "{% include 'base.html' %}",
    "\\",
    "x\\",
    "'",
    "..",
    "../../keys",
    "..%2f..%2fkeys",
    "bulk/../../../keys",
    "bulk\\..\\keys",
    " bulk",
    "bulk ",
    "bulk\r\nSet-Cookie: x=1",
    "bulk\ufeff",
    "bülk",
    "\uff42ulk",  # a wide b
    "\u202eklub",
    "-1",
    "1e9",
    "9" * 400,
    "x" * 5000,
    "__proto__",
    "constructor",
    "None",
    "*",
    "[bu]lk",
]

RIGHT: dict[str, Any] = {
    "instance_number": "0",
    "queue_name": "bulk",
    "registry_name": "queued",
    "per_page": "8",
    "order": "asc",
    "page": "1",
    "job_id": "deliver-1-0",
    "filename": "css/main.css",
}
"""A value of each part that is accepted."""


@pytest.fixture(scope="module")
def app(
    module_valkey: Valkey, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """One for all attacks: nothing that they do may stay."""
    home = tmp_path_factory.mktemp("attacked")
    (home / "mailroom.db").write_bytes(_sqlite_template.read_bytes())
    settings = {
        "SECRET_KEY": "a secret for tests only",
        "DATABASE_URL": f"sqlite:///{home}/mailroom.db",
        "REDIS_URL": module_valkey.url,
        "MAIL_SERVER": "127.0.0.1",
        "MAILROOM_HOME": str(home),
    }
    app = create_app(load(settings))
    yield app
    app.extensions["mailroom"].database.dispose()


@pytest.fixture(scope="module")
def url(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.get(way_in(app))
    return client


@pytest.fixture
def redis(valkey: Valkey) -> Redis:
    """With one job of ours, and nothing hostile yet."""
    queue = Queue(valkey.url)
    queue.enqueue([(1, 0, 5, BULK)])
    return queue.redis


def addresses(app: Flask, **parts: str) -> Iterator[tuple[str, str]]:
    """Method and path of all that has these parts; the others are right ones."""
    for rule in app.url_map.iter_rules():
        in_path = set(re.findall(r"<(?:\w+:)?(\w+)>", rule.rule))  # not those with a default
        if rule.endpoint.startswith("rq_dashboard.") and parts.keys() <= in_path:
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: (RIGHT | parts)[found[1]], rule.rule)
            yield from ((method, path) for method in (rule.methods or set()) & {"GET", "POST"})


def test_every_part_of_every_address_has_a_judge(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("rq_dashboard.")]
    assert len(rules) >= 16
    assert (
        set().union(*(rule.arguments for rule in rules)) == dashboard.ARGUMENT_JUDGES.keys() == RIGHT.keys()
    )


def test_the_right_parts_are_accepted(app: Flask, client: FlaskClient, redis: Redis) -> None:
    for method, path in addresses(app):
        if method == "GET" and "/requeue/" not in path:
            assert client.get(path, follow_redirects=True).status_code == HTTPStatus.OK, path


@pytest.mark.parametrize("part", RIGHT)
def test_a_part_without_a_judge_is_refused(
    app: Flask, client: FlaskClient, redis: Redis, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = token(client)
    monkeypatch.delitem(dashboard.ARGUMENT_JUDGES, part)
    for method, path in addresses(app, **{part: RIGHT[part]}):
        response = client.open(path, method=method, headers=headers, follow_redirects=True)
        assert response.status_code == HTTPStatus.NOT_FOUND


def token(client: FlaskClient) -> dict[str, str]:
    found = re.search(r'"X-CSRFToken": "([^"]+)"', client.get("/queue/0/view/workers").text)
    assert found
    return {"X-CSRFToken": found[1]}


@pytest.mark.parametrize("part", RIGHT)
def test_a_hostile_name_names_nothing(app: Flask, client: FlaskClient, redis: Redis, part: str) -> None:
    before, headers = everything_in(redis), token(client)
    for name in NAMES:
        for encoded in (quote(name, safe=""), quote(quote(name, safe=""), safe="")):
            for method, path in addresses(app, **{part: encoded}):
                response = client.open(path, method=method, headers=headers)
                is_merged = response.status_code == HTTPStatus.PERMANENT_REDIRECT  # of // in the path
                if is_merged:
                    assert response.headers["Location"].startswith("http://localhost/queue/")
                else:
                    assert response.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED), path
                    assert len(name) < 4 or name not in response.text
    assert everything_in(redis) == before


def everything_in(redis: Redis) -> dict[Any, Any]:
    return {key: redis.dump(key) for key in redis.scan_iter()}


@pytest.fixture(scope="module")
def _browser_page(chromium: str, app: Flask, url: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page()
        page.goto(f"{url}{way_in(app)}")
        yield page
        browser.close()


@pytest.fixture
def page(_browser_page: Page) -> Iterator[Page]:
    """A tab in which no page may run what is hostile, ask for the keys, or break."""
    seen: list[str] = []

    def ask(request: Request) -> None:
        seen.extend([f"asked for {request.url}"] if "keys" in urlsplit(request.url).path.split("/") else [])

    def fail(error: Error) -> None:
        seen.append(str(error))

    _browser_page.on("request", ask)
    _browser_page.on("pageerror", fail)
    yield _browser_page
    _browser_page.remove_listener("request", ask)
    _browser_page.remove_listener("pageerror", fail)
    assert seen == []


def assert_nothing_ran(page: Page) -> None:
    assert page.evaluate("window.ran") is None


def test_a_link_to_a_hostile_queue_runs_nothing(page: Page, url: str, redis: Redis) -> None:
    for name in filter(lambda name: RUN in name, NAMES):
        response = page.goto(f"{url}/queue/0/view/jobs/{quote(name, safe='')}/queued/8/asc/1")
        assert response and response.status == HTTPStatus.NOT_FOUND
        assert_nothing_ran(page)


def test_a_hostile_queue_would_run_nothing_if_it_came_through(
    page: Page, url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second line: names are judged, and what is printed is escaped for where it stands."""
    monkeypatch.setitem(dashboard.ARGUMENT_JUDGES, "queue_name", lambda name: True)
    monkeypatch.setattr("mailroom.queue.readable.QUEUE_KEY", re.compile(b"rq:queue:(.*)", re.DOTALL))
    for name in NAMES:
        redis.sadd("rq:queues", f"rq:queue:{name}")
    page.goto(f"{url}/queue/0/view/queues")
    expect(page.locator("tr[data-role=queue]")).to_have_count(len(NAMES) + 1)
    assert_nothing_ran(page)
    for name in NAMES[:20]:
        if "/" not in name:
            page.goto(f"{url}/queue/0/view/jobs/{quote(name, safe='')}/queued/8/asc/1")
            field = page.locator("#select-queue")
            expect(page.locator("#jobs")).to_contain_text("No jobs.")
            field.fill("")
            field.dispatch_event("mouseout")
            assert field.input_value() == name.replace("\n", "")
            assert_nothing_ran(page)


EVERYTHING = " | ".join(NAMES)


def as_shown(text: str) -> str:
    """As a browser reads it out of HTML, less the space around it."""
    return text.replace("\r\n", "\n").strip(" \t\n\r\ufeff\u2028\u2029")


def put_job(redis: Redis, id: str, words: str) -> None:
    """A failed job of the bulk queue with these words in every field that takes any."""
    fields: dict[Any, str] = {
        "data": json.dumps(["jobs.deliver.deliver", None, [1, 0], {}]),
        "created_at": "2026-01-01T00:00:00Z",
        "status": "failed",
        "origin": "bulk",
        **dict.fromkeys(("description", "exc_info", "worker_name", "group_id", "callback", words), words),
        "meta": json.dumps({words: words}),
    }
    redis.hset(f"rq:job:{id}", mapping=fields)
    redis.sadd(f"rq:job:{id}:dependencies", words)
    exc = b64encode(zlib.compress(words.encode()))
    redis.xadd(f"rq:results:{id}", {"type": "2", "exc_string": exc, "worker_name": words})
    redis.zadd("rq:failed:bulk", {id: 9e9})


def put_worker(redis: Redis, name: str, fields: dict[Any, bytes] | None = None) -> None:
    about = ("state", "hostname", "ip_address", "version", "python_version", "queues")
    redis.sadd("rq:workers", f"rq:worker:{name}")
    redis.hset(f"rq:worker:{name}", mapping={**dict.fromkeys(about, name), **(fields or {})})


def texts(page: Page, selector: str) -> list[str]:
    found: list[str] = page.locator(selector).evaluate_all("all => all.map(one => one.textContent.trim())")
    return found


def test_hostile_queues_are_not_shown_and_hide_no_other(
    page: Page, url: str, client: FlaskClient, redis: Redis
) -> None:
    for name in NAMES:
        redis.sadd("rq:queues", f"rq:queue:{name}", name)
    redis.sadd("rq:queues", b"rq:queue:\xff", "rq:queue:of-another.program", "")
    page.goto(f"{url}/queue/0/view/queues")
    rows = page.locator("tr[data-role=queue] td:first-child")
    expect(rows).to_have_text(["1e9", "None", "bulk", "constructor", "of-another.program"])
    for path in ("view/jobs", "view/jobs/bulk/queued/8/asc/1", "view/jobs/of-another.program/failed/8/asc/1"):
        page.goto(f"{url}/queue/0/{path}")
        expect(page.locator("#jobs tbody")).not_to_contain_text("Loading")
        assert_nothing_ran(page)


def test_hostile_jobs_are_shown_as_text(page: Page, url: str, redis: Redis) -> None:
    for number, name in enumerate([*NAMES, EVERYTHING]):
        put_job(redis, f"hostile-{number}", name)
    page.goto(f"{url}/queue/0/view/jobs/bulk/failed/200/asc/1")
    expect(page.locator("tr[data-role=job]")).to_have_count(len(NAMES) + 1)
    expected = sorted(as_shown(name) for name in [*NAMES, EVERYTHING])
    assert sorted(texts(page, "tr[data-role=job] .description")) == expected
    assert sorted(texts(page, "tr[data-role=job] .exc_info")) == expected
    assert_nothing_ran(page)
    redis.hset(f"rq:job:hostile-{len(NAMES)}", "origin", EVERYTHING)
    page.goto(f"{url}/queue/0/view/job/hostile-{len(NAMES)}")
    expect(page.locator("#job-data")).to_contain_text("Metadata")
    assert texts(page, ".description-scroll") == texts(page, "#job-data .exc_info") == [as_shown(EVERYTHING)]
    assert_nothing_ran(page)


def test_hostile_workers_are_shown_as_text(page: Page, url: str, redis: Redis) -> None:
    for number, name in enumerate(NAMES):
        put_worker(redis, name)
        put_job(redis, f"run-{number}", name)
        redis.sadd(f"rq:worker:{name}:executions", f"run-{number}:1")
        redis.hset(f"rq:execution:run-{number}:1", mapping={"created_at": 1, "last_heartbeat": 1})
    page.goto(f"{url}/queue/0/view/workers")
    expect(page.locator("tr[data-role=worker]")).to_have_count(len(NAMES))
    expected = sorted(as_shown(name) for name in NAMES)
    assert sorted(texts(page, "tr[data-role=worker] td:first-child")) == expected
    assert sorted(texts(page, "tr[data-role=worker] a")) == expected
    assert_nothing_ran(page)


GARBAGE = [b"\xff\xfe", b"x", b"-", b"{", b"1e999", b"\x80\x04\x95", b"\0"]
FIELDS = (
    *("created_at", "started_at", "ended_at", "enqueued_at", "last_heartbeat", "status", "timeout"),
    *("meta", "description", "origin", "worker_name", "dependency_ids", "ttl", "result", "exc_info", "data"),
)


@pytest.mark.parametrize("field", FIELDS)
def test_a_job_that_cannot_be_read_hides_no_other(client: FlaskClient, redis: Redis, field: str) -> None:
    for garbage in GARBAGE:
        put_job(redis, "x", "plain")
        redis.hset("rq:job:x", field, garbage)
        redis.rpush("rq:queue:bulk", "x", "no id")
        page, data = client.get("/queue/0/view/job/x"), client.get("/queue/0/data/job/x.json")
        assert {page.status_code, data.status_code} <= {HTTPStatus.OK, HTTPStatus.NOT_FOUND}
        assert client.get("/queue/0/data/jobs/bulk/failed/8/asc/1.json").status_code == HTTPStatus.OK
        listed = client.get("/queue/0/data/jobs/bulk/queued/200/asc/1.json").json
        assert listed and listed["jobs"][0]["id"] == "deliver-1-0"
        assert client.post("/queue/queue/bulk/failed/empty", headers=token(client)).json == {"status": "OK"}
        assert redis.zcard("rq:failed:bulk") <= (field == "origin")  # which may name another queue


@pytest.mark.parametrize(
    "field", ["pid", "birth", "last_heartbeat", "failed_job_count", "total_working_time", "queues"]
)
def test_a_worker_that_cannot_be_read_hides_no_other(client: FlaskClient, redis: Redis, field: str) -> None:
    put_worker(redis, "right")
    redis.sadd("rq:workers", "no key", b"rq:worker:\xff", "")
    for garbage in GARBAGE:
        put_worker(redis, "wrong", {field: garbage})
        redis.sadd("rq:worker:wrong:executions", "no execution", "x:1", garbage)
        assert client.get("/queue/0/view/workers").status_code == HTTPStatus.OK
        listed = client.get("/queue/0/data/workers.json").json
        assert listed and "right" in [worker["name"] for worker in listed["workers"]]
        assert "Infinity" not in json.dumps(listed), "no browser reads that"


def test_a_result_that_cannot_be_read_hides_no_job(client: FlaskClient, redis: Redis) -> None:
    put_job(redis, "x", "plain")
    redis.xadd("rq:results:x", {"type": "2", "exc_string": "no base64", "worker_name": b"\xff"})
    assert client.get("/queue/0/data/job/x.json").status_code == HTTPStatus.OK
    listed = client.get("/queue/0/data/jobs/bulk/failed/8/asc/1.json").json
    assert listed and [job["id"] for job in listed["jobs"]] == ["x"]


def test_what_inflates_to_much_is_not_inflated(client: FlaskClient, redis: Redis) -> None:
    """16 kB of a job were 16 MB on a page of hundreds, and a result of a megabyte a gigabyte."""
    put_job(redis, "x", "plain")
    bomb = zlib.compress(b"x" * 10_000_000)
    assert len(bomb) < LARGEST_FIELD
    for field in ("data", "exc_info"):
        put_job(redis, field, "plain")
        redis.hset(f"rq:job:{field}", field, bomb)
    put_job(redis, "result", "plain")
    redis.xadd("rq:results:result", {"type": "2", "exc_string": b64encode(bomb), "worker_name": "w"})
    tracemalloc.start()
    assert client.get("/queue/0/data/job/result.json").status_code == HTTPStatus.OK
    listed = client.get("/queue/0/data/jobs/bulk/failed/8/asc/1.json").json
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert listed and {job["id"] for job in listed["jobs"]} == {"x", "result"}
    assert peak < 5_000_000


def test_a_list_that_cannot_be_read_is_named_as_such_and_can_be_emptied(
    client: FlaskClient, redis: Redis
) -> None:
    redis.rpush("rq:queue:bulk", b"\xff")
    response = client.get("/queue/0/data/jobs/bulk/queued/8/asc/1.json")
    assert response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "cannot be read" in response.text
    client.post("/queue/queue/bulk/queued/empty", headers=token(client))
    assert client.get("/queue/0/data/jobs/bulk/queued/8/asc/1.json").status_code == HTTPStatus.OK


def test_looking_changes_nothing_in_redis(client: FlaskClient, redis: Redis) -> None:
    redis.rpush("rq:queue:bulk", "gone-1-0")
    before = everything_in(redis)
    for path in ("view/jobs", "data/queues.json", "data/workers.json", "data/jobs/bulk/queued/8/asc/1.json"):
        assert client.get(f"/queue/0/{path}").status_code == HTTPStatus.OK
    assert everything_in(redis) == before
