"""What somebody writes into every part of every address, query string, form and header.

Numbers that no database holds, digits of other scripts, NULs, dates that never were: each has an
answer, and none is a 500. In the suite each is tried on one of the databases, and what a database may
stumble over on both; with `make attacks` all of it on both. That is thousands of requests: each test
makes a part of them, so that several processors share them.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import cycle, product
from typing import TypeVar
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.routing import Rule
from werkzeug.test import Client as Browser
from werkzeug.wrappers import Response

from app import create_app
from mailroom.ledger.lists import kept
from mailroom.ledger.people import api_keys, users
from mailroom.ledger.schema import lists
from mailroom.ledger.webhooks import webhook_endpoints
from mailroom.settings import load
from mailroom.web.api.operations import OPERATIONS
from mailroom.web.compose import compose_form
from tests.attacks.json_bodies import EVERY_BODY
from tests.web.watching import a_mailing

NOT_STORED = ["9223372036854775808", "-9223372036854775809", "9" * 5_000, "a\0b", "\ud83d", "%00"]
FURTHEST = ["9223372036854775807", "-9223372036854775807"]
"""Numbers that are stored, but with nothing added to them, or taken off."""
HOSTILE = [
    *("-1", "0", "1e999", "NaN", "1_000", "", "\u0661", "\u00b2", "\uff11" * 30),
    *("\r\n\u2028", "\u202e\ufffe", "\\'\"", "../x", "x" * 5_000, "[]"),
    *("9999-12-31T23:59", "0001-01-01T00:00", "<((((@", "a@b" * 500),
]

HEADERS = {
    *(
        "Idempotency-Key",
        "If-None-Match",
        "If-Modified-Since",
        "If-Match",
        "If-Range",
        "Range",
        "Last-Event-ID",
    ),
    *("Accept", "Accept-Language", "Accept-Encoding", "Content-Type", "Cookie", "Authorization", "Origin"),
    *("Referer", "User-Agent", "X-Requested-With", "X-Forwarded-For", "X-Forwarded-Proto", "Sec-Fetch-Site"),
    *("x-batch-validation", "Purpose", "Date", "Prefer"),
}

A_LIST = "3f2b8a52-4c1e-4c55-9d7a-6f1f0a2c9b11"

PARTS = 4

T = TypeVar("T")

NOT_OURS = ("rq_dashboard.",)  # tests/attacks/test_the_queue_page.py tries each of its parts


@pytest.fixture
def app(settings_env: dict[str, str], database_url: str) -> Iterator[Flask]:
    app = create_app(load(settings_env | {"DATABASE_URL": database_url, "MAILROOM_LOCAL": "1"}))
    # Else its token would be asked for before anything that is tried here.
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    app.extensions["mailroom"].database.dispose()


@pytest.fixture
def key(app: Flask) -> str:
    with app.extensions["mailroom"].database.begin() as connection:
        return api_keys.add(connection, "test", scopes=["admin"], rate="100000/second")[0]


@pytest.fixture
def browser(app: Flask) -> Browser:
    """Signed in, with one of each to look at."""
    database = app.extensions["mailroom"].database
    a_mailing(database, {})
    browser = app.test_client()
    with database.begin() as connection:
        user = users.add(connection, "ann@example.org", None)
        link = users.make_link(connection, user.id)
        webhook_endpoints.add(connection, "https://example.org/hooks", ["email.sent"])
        kept.add(connection, "List", "list")
        connection.execute(update(lists).values(uid=A_LIST))
    assert browser.get(f"/sign-in?token={link}").status_code == 303
    return browser


def rules(app: Flask, method: str) -> list[Rule]:
    found = [rule for rule in app.url_map.iter_rules() if method in (rule.methods or ())]
    return [rule for rule in found if not rule.endpoint.startswith(NOT_OURS)]


def path_of(rule: Rule, changed: str = "", value: str = "") -> str:
    """The rule's address with likely parts, but for the one that is changed."""

    def part(match: re.Match[str]) -> str:
        kind, _, name = match[1].rpartition(":")
        if name == changed:
            return quote(value.encode("utf-8", "surrogatepass"), safe="")
        return A_LIST if kind == "uuid" else "1"

    return re.sub(r"<([^>]+)>", part, rule.rule)


def read_by(app: Flask, endpoint: str, what: str) -> set[str]:
    """The names that the module of a view looks up in request.args, or request.form."""
    module = sys.modules[inspect.unwrap(app.view_functions[endpoint]).__module__]
    source = inspect.getsource(module)
    names = set(re.findall(rf"request\.{what}(?:\.get|\.getlist)?[(\[]\"(\w+)\"", source))
    if "searched_words()" in source and what == "args":
        names.add("q")
    if endpoint == "mailings.index" and what == "args":
        names |= {"recipients", "mailings"}  # read in a loop
    if endpoint == "compose.submit" and what == "form":
        names |= {*compose_form.TYPED, "idempotency_key", "leave_out", "kept_attachments"}
    for operation in OPERATIONS if what == "args" else ():
        if f"api.{operation.name}" == endpoint and operation.query:
            names |= set(operation.query.model_fields)
    return names


@pytest.fixture(params=range(PARTS))
def part(request: pytest.FixtureRequest) -> int:
    """Of all that is tried; together they are all of it."""
    return int(request.param)


def dealt(things: Iterable[T], part: int) -> list[T]:
    return list(things)[part::PARTS]


def hostile(app: Flask) -> list[str]:
    if EVERY_BODY:
        return NOT_STORED + FURTHEST + HOSTILE
    return NOT_STORED + FURTHEST + HOSTILE[app.extensions["mailroom"].database.is_sqlite :: 2]


def broken(answers: Iterator[tuple[str, Response]]) -> list[str]:
    return [f"{asked[:200]}: {answer.status_code}" for asked, answer in answers if answer.status_code >= 500]


def test_this_file_finds_what_is_read(app: Flask) -> None:
    assert {"before", "q", "older", "recipients", "mailings"} <= read_by(app, "mailings.index", "args")
    assert {"after", "q"} <= read_by(app, "lists.show", "args")
    assert {"before", "state"} <= read_by(app, "webhooks.show", "args")
    assert {"limit", "after", "before"} == read_by(app, "api.list_emails", "args")
    assert {"address", "note"} <= read_by(app, "suppressions.add", "form")


def test_no_part_of_an_address_breaks_anything(app: Flask, browser: Browser, key: str, part: int) -> None:
    changed = [
        (method, rule, name)
        for method in ("GET", "POST", "PATCH")
        for rule in rules(app, method)
        for name in sorted(rule.arguments)
    ]

    def tried() -> Iterator[tuple[str, Response]]:
        for method, rule, name in dealt(changed, part):
            headers = {"Authorization": f"Bearer {key}"} if rule.endpoint.startswith("api.") else {}
            for value in hostile(app):
                path = path_of(rule, name, value)
                yield f"{method} {path}", browser.open(path, method=method, headers=headers)

    assert broken(tried()) == []


def test_no_query_breaks_anything(app: Flask, browser: Browser, key: str, part: int) -> None:
    changed = list[tuple[Rule, str, str]]()
    for rule in rules(app, "GET"):
        names = read_by(app, rule.endpoint, "args")
        # What says where a search goes on is not looked at without one.
        besides = ("", "&q=a") if "q" in names else ("",)
        changed += [(rule, name, beside) for name, beside in product(sorted(names), besides)]

    def tried() -> Iterator[tuple[str, Response]]:
        for rule, name, beside in dealt(changed, part):
            headers = {"Authorization": f"Bearer {key}"} if rule.endpoint.startswith("api.") else {}
            for value in hostile(app):
                path = f"{path_of(rule)}?{name}={quote(value.encode('utf-8', 'surrogatepass'))}{beside}"
                yield f"GET {path}", browser.get(path, headers=headers)

    assert broken(tried()) == []


def test_no_field_of_a_form_breaks_anything(app: Flask, browser: Browser, part: int) -> None:
    changed = [
        (path_of(rule), name)
        for rule in rules(app, "POST")
        if not rule.endpoint.startswith(("api.", "sign_in."))
        for name in sorted(read_by(app, rule.endpoint, "form"))
    ]

    def tried() -> Iterator[tuple[str, Response]]:
        for path, name in dealt(changed, part):
            for value in hostile(app):
                body = f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}"
                kind = "application/x-www-form-urlencoded"
                yield f"POST {path} {body}", browser.post(path, data=body, content_type=kind)

    assert broken(tried()) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # headers do not get as far
def test_no_header_breaks_anything(app: Flask, browser: Browser, key: str, part: int) -> None:
    """By the API, and on one page after the other."""
    pages = cycle(("/", "/mailings", "/static/app.css", "/readyz", "/metrics"))
    methods = cycle(("GET", "POST"))
    opened = {"Authorization": f"Bearer {key}"}
    sent_to = [
        (name, value, next(pages), next(methods))
        for name, value in product(sorted(HEADERS), NOT_STORED + HOSTILE)
    ]

    def tried() -> Iterator[tuple[str, Response]]:
        for name, value, page, method in dealt(sent_to, part):
            cleaned = "".join(c for c in value if c not in "\r\n\0")
            sent = {name: cleaned.encode("utf-8", "replace").decode("latin-1")}
            answer = browser.get(page, headers=sent)
            # Only the workers are missing.
            if page != "/readyz" or answer.status_code != 503:
                yield f"GET {page} {sent}", answer
            for each in ("GET", "POST") if EVERY_BODY else (method,):
                asked = browser.open("/api/v1/emails", method=each, data=b"{}", headers=opened | sent)
                yield f"{each} /emails {sent}", asked

    assert broken(tried()) == []
