"""A server whose clock is wrong: people can sign in, and the page says that the clocks differ."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import flask.sessions
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect

from tests.serving import served

doctor = importlib.import_module("mailroom.cli.operations.doctor")
"""The module: its command has the same name."""


class In1970(datetime):
    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime(1970, 1, 1, 0, 5, tzinfo=UTC)


def test_a_browser_keeps_the_cookie_of_a_server_in_1970(
    app: Flask, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flask.sessions, "datetime", In1970)
    browser = app.test_client()  # which, as browsers do, lets Max-Age go before Expires
    answer = browser.get(link)
    [cookie] = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("mailroom_8000=")]
    assert "Expires=Sat, 31 Jan 1970" in cookie and f"; Max-Age={30 * 24 * 3600}" in cookie
    assert browser.get("/settings").status_code == 200


def test_signing_out_takes_the_cookie_away(client: FlaskClient, csrf: Callable[..., str]) -> None:
    answer = client.post("/sign-out", data={"csrf_token": csrf(client)})
    cookies = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("mailroom_8000=")]
    assert all(cookie.count("Max-Age=") <= 1 for cookie in cookies)
    assert client.get("/settings").status_code == 303


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


def test_the_sign_in_says_when_the_clocks_differ(browser: Browser, url: str) -> None:
    for apart, differs in [
        (timedelta(0), False),
        (timedelta(days=20_000), True),
        (-timedelta(hours=1), True),
    ]:
        page = browser.new_page()
        page.clock.set_fixed_time(datetime.now(UTC) + apart)
        page.goto(f"{url}/sign-in")
        words = expect(page.get_by_text("The clocks of this server and of your browser differ"))
        words.to_be_visible() if differs else words.to_be_hidden()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "ok    clock       agrees with the ledger's"),
        (-3600, "FAIL  clock       this machine's clock and the ledger's are 3,600 s apart: have it set"),
        (3600, "FAIL  clock       this machine's clock and the ledger's are 3,600 s apart: have it set"),
        (
            -20_000 * 86_400,
            "FAIL  clock       this machine's clock is years behind: have it set",
        ),
    ],
)
def test_the_doctor_finds_it_beforehand(
    app: Flask, monkeypatch: pytest.MonkeyPatch, seconds: int, words: str
) -> None:
    real = time.time
    monkeypatch.setattr(doctor, "time", SimpleNamespace(time=lambda: real() + seconds))
    assert words in app.test_cli_runner().invoke(args=["doctor"]).output
