"""A form that a person sends is taken behind every usual proxy; where something does not fit, it is named."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from mailroom.settings import Settings
from tests.web.conftest import OWNER

Csrf = Callable[[FlaskClient, str], str]
PUBLIC = "https://mail.example.org"
UPSTREAM = "http://127.0.0.1:8000"
CLIENT = {"X-Forwarded-For": "203.0.113.9"}

# What each proxy says of https://mail.example.org when it is told no more than where Mailroom is.
PROXIES: dict[str, dict[str, str]] = {
    "nginx": {"Host": "127.0.0.1:8000"},
    "nginx with its usual four lines": {
        "Host": "mail.example.org",
        "X-Real-IP": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        **CLIENT,
    },
    "Caddy": {
        "Host": "mail.example.org",
        "X-Forwarded-Host": "mail.example.org",
        "X-Forwarded-Proto": "https",
        **CLIENT,
    },
    "Traefik": {
        "Host": "mail.example.org",
        "X-Forwarded-Host": "mail.example.org",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Server": "a1b2c3",
        "X-Real-Ip": "203.0.113.9",
        **CLIENT,
    },
    "Apache": {
        "Host": "127.0.0.1:8000",
        "X-Forwarded-Host": "mail.example.org",
        "X-Forwarded-Server": "mail.example.org",
        **CLIENT,
    },
}
# What browsers say of a form: today's, those before Sec-Fetch-Site, and one that sends no Origin.
BROWSERS: dict[str, Callable[[str], dict[str, str]]] = {
    "today's": lambda site: {"Origin": site, "Referer": f"{site}/sign-in", "Sec-Fetch-Site": "same-origin"},
    "private": lambda site: {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    "old": lambda site: {"Origin": site, "Referer": f"{site}/sign-in"},
    "very old": lambda site: {"Referer": f"{site}/sign-in"},
    "no browser": lambda site: {},
}

Send = Callable[..., Any]


def app_for(settings: Settings, public_url: str) -> Flask:
    return create_app(settings.model_copy(update={"public_url": public_url}))


@pytest.fixture
def send(settings: Settings, csrf: Csrf) -> Send:
    """Somebody opens the page to sign in and sends its form, with a wrong password: 422 when it was taken."""

    def send(
        public_url: str = PUBLIC,
        headers: dict[str, str] | None = None,
        said: dict[str, str] | None = None,
        with_cookie: bool = True,
        app: Flask | None = None,
        peer: str = "127.0.0.1",
    ) -> Any:
        headers, end = headers or {}, {"REMOTE_ADDR": peer}
        client = (app or app_for(settings, public_url)).test_client()
        page = client.get("/sign-in", headers=headers, environ_overrides=end)
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        sent = {**headers, **(said or {}), **({"Cookie": cookie} if with_cookie else {})}
        form = {"csrf_token": token, "email": OWNER, "password": "wrong"}
        # Without a cookie jar: cookies are those that the test says.
        sender = client.application.test_client(use_cookies=False)
        return sender.post("/sign-in", data=form, headers=sent, environ_overrides=end)

    return send


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("proxy", PROXIES)
def test_a_form_is_taken(send: Send, proxy: str, browser: str) -> None:
    assert send(PUBLIC, PROXIES[proxy], BROWSERS[browser](PUBLIC)).status_code == 422


@pytest.mark.parametrize("proxy", PROXIES)
def test_today_s_browsers_need_no_setting(send: Send, proxy: str) -> None:
    assert send(UPSTREAM, PROXIES[proxy], BROWSERS["today's"](PUBLIC)).status_code == 422


@pytest.mark.parametrize("public", ["http://127.0.0.1:8000", "http://mail.lan:80", "http://MAIL.lan."])
@pytest.mark.parametrize("site", ["http://localhost:8000", "http://127.0.0.1:8000", "http://mail.lan"])
def test_without_a_proxy_every_name_of_it_will_do(send: Send, public: str, site: str) -> None:
    assert send(public, {"Host": site.removeprefix("http://")}, BROWSERS["old"](site)).status_code == 422


@pytest.mark.parametrize(
    ("public", "site"),
    [
        ("https://mail.example.org:443", PUBLIC),
        ("https://Mail.Example.ORG", PUBLIC),
        ("https://mail.example.org:8443", "https://mail.example.org:8443"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("https://jörg.example", "https://xn--jrg-sna.example"),
    ],
)
def test_the_public_address_may_be_written_in_several_ways(send: Send, public: str, site: str) -> None:
    assert send(public, PROXIES["nginx"], BROWSERS["old"](site)).status_code == 422


def test_an_old_browser_behind_a_proxy_that_says_nothing_is_told_what_to_set(send: Send) -> None:
    answer = send("http://127.0.0.1:8000", PROXIES["nginx"], BROWSERS["old"]("http://mail.lan"))
    assert answer.status_code == 400
    assert (
        "This Mailroom answers to http://127.0.0.1:8000, your browser came by http://mail.lan" in answer.text
    )
    assert "MAILROOM_PUBLIC_URL" in answer.text and "too long" not in answer.text


@pytest.mark.parametrize("browser", ["today's", "old"])
def test_who_comes_by_http_where_cookies_are_for_https_is_told_so(send: Send, browser: str) -> None:
    answer = send(PUBLIC, {"Host": "127.0.0.1:8000"}, BROWSERS[browser](UPSTREAM), with_cookie=False)
    assert answer.status_code == 400
    assert f"This Mailroom answers to {PUBLIC}, your browser came by {UPSTREAM}" in answer.text
    assert f"Open {PUBLIC}" in answer.text and "too long" not in answer.text


def test_who_sends_no_cookies_is_told_so(send: Send) -> None:
    answer = send(PUBLIC, PROXIES["Caddy"], BROWSERS["today's"](PUBLIC), with_cookie=False)
    assert answer.status_code == 400
    assert "sent no cookie" in answer.text and "too long" not in answer.text


def test_a_form_that_is_only_old_says_so(client: FlaskClient) -> None:
    assert "open for too long" in client.post("/sign-out", data={"csrf_token": "old"}).text


def test_programs_are_told_by_name(settings: Settings) -> None:
    client = app_for(settings, PUBLIC).test_client()
    answer = client.post("/sign-in", headers={"Accept": "application/json", "Origin": "https://evil.example"})
    assert answer.status_code == 400 and answer.json and answer.json["name"] == "wrong_address"


def test_who_runs_it_reads_it_in_the_log_once_a_minute(
    settings: Settings, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_for(settings, "http://127.0.0.1:8000")
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            send("", PROXIES["nginx"], BROWSERS["old"](f"http://mail{number}.lan"), app=app)
    lines = [record.getMessage() for record in caplog.records if "a form was refused" in record.getMessage()]
    assert len(lines) == 1 and "your browser came by http://mail0.lan. Open" in lines[0]


FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "a sister": {"Sec-Fetch-Site": "same-site", "Origin": "https://wiki.example.org"},
    "another site's old browser": {"Origin": "https://evil.example"},
    "another site's very old browser": {"Referer": "https://evil.example/page"},
    "a name that begins alike": {"Origin": "https://mail.example.org.evil.example"},
    "a name that ends alike": {"Origin": "https://evil-mail.example.org"},
    "another port": {"Origin": "https://mail.example.org:8443"},
    "http": {"Origin": "http://mail.example.org"},
    "a user's name": {"Referer": "https://mail.example.org@evil.example/"},
    "a sandboxed frame": {"Origin": "null"},
    "a sandboxed frame with a referrer": {"Origin": "null", "Referer": f"{PUBLIC}/"},
    "a cross-site sandboxed frame": {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    "a file": {"Origin": "file://"},
    "an extension": {"Origin": "moz-extension://0a1b2c"},
    "nonsense": {"Origin": "https://[evil"},
    "a terminal's control characters": {"Origin": "https://evil.example\x1b[2J"},
    "markup": {"Origin": "https://<b>evil"},
    "two origins": {"Origin": f"{PUBLIC} https://evil.example"},
}


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("name", FOREIGN)
def test_a_form_of_another_site_is_not_taken_even_with_a_token(send: Send, name: str, proxy: str) -> None:
    answer = send(PUBLIC, PROXIES[proxy], FOREIGN[name])
    assert answer.status_code == 400
    assert "too long" not in answer.text and "<b>" not in answer.text


def test_a_stranger_s_host_makes_no_other_site_ours(send: Send) -> None:
    """Who is no proxy says nothing of the host."""
    headers = {"Host": "127.0.0.1:8000", "X-Forwarded-Host": "evil.example"}
    said = {"Origin": "http://evil.example"}
    assert send(UPSTREAM, headers, said, peer="198.51.100.1").status_code == 400
