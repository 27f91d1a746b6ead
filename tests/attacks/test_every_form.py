"""What somebody sends in every field of every form there is, of things that are there.

The pages are looked through as a browser would, from link to link; each form is sent as it stands, but for
one field. None is answered by a 500. In the suite some values are tried on each database, with `make attacks`
all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import quote, urljoin

import pytest
from flask import Flask
from werkzeug.test import Client as Browser

from app import create_app
from mailroom.ledger.people import users
from mailroom.settings import load
from mailroom.web.api.requests.examples import EXAMPLE_MAILING, REQUESTS
from tests.api.conftest import Client
from tests.attacks.json_bodies import EVERY_BODY

NUMBERS = [
    "000001" + "9" * 20,
    "000000001" + "9" * 5_000,
    "9" * 5_000,
    "-1",
    "1e999",
    "9223372036854775808",
    "\u0661",
    "1_000",
]
TIMES = ["0001-01-01T00:00", "9999-12-31T23:59", "9999-12-31", "0001-01-01"]
TEXTS = [
    "a\0b",
    "\ud800",
    "x" * 100_000,
    "_" * 30_000,
    "\u202e",
    "{{ a | b",
    "../../etc/passwd",
    "\r\nX: y",
    "",
]
OF_SQLITE = [NUMBERS[0], TIMES[0], "_" * 30_000]
OF_POSTGRESQL = ["a\0b", NUMBERS[1], "x" * 100_000]

NOT_TRIED = ("/queue/", "/race", "/sign-out")
"""Of another project; takes seconds each time; ends the attack."""
LAST = ("remove", "cancel", "people", "password", "sign-ins", "revoke")
"""Parts of addresses that end what others need."""
START = (
    "/",
    "/drafts?of=all",
    "/lists",
    "/templates",
    "/repeats",
    "/calendar",
    "/settings",
    "/keys",
    "/webhooks",
)
MOST_PAGES = 150

Pairs = list[tuple[str, str]]


class Form(NamedTuple):
    """`fields`: as they stand; `names`: those that somebody may fill, too."""

    method: str
    action: str
    fields: Pairs
    names: set[str]


class Page(HTMLParser):
    """The links and forms of one."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url, self._by_id = url, dict[str | None, Form]()
        self._form: Form | None = None
        self.links: set[str] = set()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        if tag == "a" and about.get("href", "").startswith(("/", "?")):
            self.links.add(urljoin(self._url, about["href"]).partition("#")[0])
        elif tag == "form":
            action = urljoin(self._url, about.get("action", "")).partition("#")[0]
            self._form = Form(about.get("method", "get").lower(), action, [], set())
            self.forms.append(self._form)
            self._by_id[about.get("id")] = self._form
        elif tag in ("input", "select", "textarea", "button") and about.get("name"):
            self._field(self._by_id.get(about.get("form")) or self._form, about)

    def _field(self, form: Form | None, about: dict[str, str]) -> None:
        if form is None:
            return
        form.names.add(about["name"])
        if about.get("type") not in ("checkbox", "radio") or "checked" in about:
            form.fields.append((about["name"], about.get("value", "")))
        if "formaction" in about:
            other = urljoin(self._url, about["formaction"])
            self.forms.append(Form(form.method, other, form.fields, form.names))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


@pytest.fixture
def app(settings_env: dict[str, str], database_url: str) -> Iterator[Flask]:
    app = create_app(load(settings_env | {"DATABASE_URL": database_url, "MAILROOM_LOCAL": "1"}))
    app.config["WTF_CSRF_ENABLED"] = False  # else its token would be asked for before anything is read
    yield app
    app.extensions["mailroom"].database.dispose()


@pytest.fixture
def start(app: Flask) -> list[str]:
    """Where to look: pages, and one of each thing that there is."""
    client = Client(app)

    def made(kind: str, operation: str, **more: object) -> str:
        answer = client.post(f"/{kind}", json={**REQUESTS[operation], **more})
        assert answer.status_code == 200, answer.get_json()
        return f"/{kind}/{answer.get_json()['id']}"

    kept = made("lists", "create_list")
    client.post(f"{kept}/recipients", json=REQUESTS["add_list_recipient"])
    draft = made("drafts", "create_draft")
    client.patch(draft, json=REQUESTS["update_draft"])
    template, repeat = made("templates", "create_template"), made("repeats", "create_repeat")
    client.post("/mailings", json=EXAMPLE_MAILING | {"scheduled_at": "2030-01-01T00:00:00Z"})
    return [*START, kept, draft, f"{draft}/versions", template, repeat, "/mailings/1"]


@pytest.fixture
def browser(app: Flask) -> Browser:
    browser, database = app.test_client(), app.extensions["mailroom"].database
    with database.begin() as connection:
        link = users.make_link(connection, users.add(connection, "ann@example.org", None).id)
    assert browser.get(f"/sign-in?token={link}").status_code == 303
    return browser


@pytest.fixture
def forms(browser: Browser, start: list[str]) -> list[Form]:
    """Each once, those that end things last."""
    letter = {"sender": "a@b.example", "recipients": "c@d.example", "subject": "Hi", "text": "Hi"}
    waiting, seen = [*start, browser.post("/check", data=letter).headers["Location"]], set[str]()
    found: dict[tuple[object, ...], Form] = {}
    while waiting and len(seen) < MOST_PAGES:
        url = waiting.pop(0)
        if _kind(url) in seen or url.startswith(NOT_TRIED):
            continue
        seen.add(_kind(url))
        answer = browser.get(url, follow_redirects=True)
        if answer.mimetype == "text/html" and answer.status_code == 200:
            page = Page(answer.request.path)
            page.feed(answer.text)
            waiting += sorted(page.links)
            for form in page.forms:
                found.setdefault((form.method, _kind(form.action), *sorted(form.names)), form)
    tried = [form for form in found.values() if not form.action.startswith(NOT_TRIED)]
    return sorted(tried, key=lambda form: any(word in form.action for word in LAST))


def _kind(url: str) -> str:
    """Two addresses of one kind show the same forms."""
    path, _, query = url.partition("?")
    names = sorted(pair.partition("=")[0] for pair in query.split("&"))
    return re.sub(r"[0-9a-f-]{32,36}|\d+", "N", path) + ",".join(names)


def values(app: Flask) -> list[str]:
    if EVERY_BODY:
        return [*NUMBERS, *TIMES, *TEXTS]
    return OF_SQLITE if app.extensions["mailroom"].database.is_sqlite else OF_POSTGRESQL


def encoded(pairs: Pairs) -> str:
    def part(text: str) -> str:
        return quote(text.encode("utf-8", "surrogatepass"), safe="")

    return "&".join(f"{part(name)}={part(value)}" for name, value in pairs)


def changed(form: Form, given: list[str]) -> Iterator[Pairs]:
    """The form's fields, one of them with a value that nobody means, alone and behind a good one."""
    for name in sorted(form.names - {"csrf_token"}):
        others = [pair for pair in form.fields if pair[0] != name]
        for value in given:
            yield [*others, (name, value)]
        yield [*others, (name, "good"), (name, given[0])]
    yield [*form.fields, ("a\0b", "1")]


def test_no_field_of_any_form_breaks_anything(app: Flask, browser: Browser, forms: list[Form]) -> None:
    assert len(forms) > 40 and {form.action.split("/")[1] for form in forms} >= {"lists", "drafts", "repeats"}
    broken = []
    for form in forms:
        for pairs in changed(form, values(app)):
            body = encoded(pairs)
            if form.method == "get":
                answer = browser.get(f"{form.action.partition('?')[0]}?{body[:32_000]}")
            else:
                kind = "application/x-www-form-urlencoded"
                answer = browser.post(form.action, data=body, content_type=kind)
            if answer.status_code >= 500:
                broken.append(f"{form.method} {form.action} {body[-200:]}: {answer.status_code}")
    assert broken == []
