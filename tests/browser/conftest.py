"""A real browser in front of the real application, with real workers behind it.

app, url    create_app() on `settings`, served on a free port
page        a tab, signed in, that tolerates no error in its console
way_in      an address that signs a browser in
axe         axe-core, a script to be evaluated in a page
worker      one worker process, listening; accept(n): a mailing to n people, its id
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from app import create_app
from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.acceptance import accept as accept_it
from mailroom.engine.accept.submission import Submission
from mailroom.queue import Queue
from mailroom.settings import Settings
from tests import node
from tests.servers import Catcher, wait_until
from tests.serving import served
from tests.warm_processes import start_python
from tests.web import watching


@pytest.fixture
def settings_env(settings_env: dict[str, str], catcher: Catcher) -> dict[str, str]:
    """A local run; its slow server is the catcher too, and each test says how slow it is."""
    return settings_env | {"MAILROOM_LOCAL": "1", "MAILROOM_SLOW_SERVER": f"127.0.0.1:{catcher.port}"}


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def way_in(app: Flask, url: str) -> str:
    return url + watching.way_in(app)


@pytest.fixture
def page(browser: Browser, way_in: str) -> Iterator[Page]:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(way_in)
    yield page
    assert complaints == []


@pytest.fixture
def worker(settings_env: dict[str, str], tmp_path: Path) -> Iterator[None]:
    environment = os.environ | settings_env
    process = start_python(["worker.py", "--workers", "1"], environment, tmp_path / "worker.log")
    wait_until(Queue(settings_env["REDIS_URL"]).workers, what="the worker")
    yield
    process.terminate()
    process.wait(20)


@pytest.fixture
def accept(app: Flask) -> Callable[[int], int]:
    def accept(count: int) -> int:
        parts = app.extensions["mailroom"]
        content = Content(Address("news@example.org"), "The spring newsletter", text="Hello {{ name }}")
        recipients = [Recipient(f"person{number}@example.org") for number in range(1, count + 1)]
        return accept_it(parts.database, parts.queue, Submission(content, recipients)).mailing_id

    return accept


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = node.install(tmp_path_factory.mktemp("axe"), node.AXE)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
