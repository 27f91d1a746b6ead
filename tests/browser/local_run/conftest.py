"""A browser in front of a whole local run: start.py with its web, workers, Valkey and catcher.

mailroom_url    its address; one run for each xdist worker
sign_in_link    the link that it printed
page            a signed-in tab, with addresses relative to the run's; tolerates no error in its console
stranger_page   the same, not signed in
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.ports import own_port
from tests.servers import wait_until

ROOT = Path(__file__).resolve().parents[3]
READY = re.compile(r"Mailroom is ready: (http://\S+)/sign-in\?token=(\S+)")
ASKED_FOR = ("404", "409", "422", "Blocked script execution", "Blocked form submission")
"""Chromium calls these errors; here they are what was asked for."""


@pytest.fixture(scope="session")
def _ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[re.Match[str]]:
    home = tmp_path_factory.mktemp("mailroom")
    log = home / "start.log"
    environment = {**os.environ, "PORT": str(own_port()), "MAILROOM_HOME": str(home)}
    with log.open("wb") as output:
        run = subprocess.Popen(
            [sys.executable, "start.py"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        wait_until(
            lambda: READY.search(log.read_text()) or run.poll() is not None, 60, "Mailroom to be ready"
        )
        ready = READY.search(log.read_text())
        assert ready, f"it did not start:\n{log.read_text()}"
        yield ready
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(20)


@pytest.fixture(scope="session")
def mailroom_url(_ready: re.Match[str]) -> str:
    return _ready[1]


@pytest.fixture(scope="session")
def sign_in_link(_ready: re.Match[str]) -> str:
    return f"{_ready[1]}/sign-in?token={_ready[2]}"


@pytest.fixture
def stranger_page(browser: Browser, mailroom_url: str) -> Iterator[Page]:
    context = browser.new_context(base_url=mailroom_url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if not any(code in text for code in ASKED_FOR)] == []


@pytest.fixture
def page(stranger_page: Page, sign_in_link: str) -> Page:
    stranger_page.goto(sign_in_link)
    return stranger_page
