from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from mailroom.ledger.people import users
from mailroom.ledger.schema import sign_in_links, sign_ins
from mailroom.web.request import gate
from mailroom.web.sign_in import passwords
from mailroom.web.sign_in.attempts import Attempts
from tests.passwords import as_ever
from tests.servers import Valkey, wait_until
from tests.web.conftest import OWNER

Csrf = Callable[..., str]
PASSWORD = "correct horse battery"


@pytest.fixture
def password(app: Flask, client: FlaskClient) -> str:
    """OWNER's password."""
    with app.extensions["mailroom"].database.begin() as connection:
        user = users.by_email(connection, OWNER)
        assert user
        users.set_password(connection, user.id, passwords.hashed(PASSWORD))
    return PASSWORD


def sign_in(
    client: FlaskClient, csrf: Csrf, password: str, email: str = OWNER, path: str = "/sign-in"
) -> int:
    form = {"email": email, "password": password, "csrf_token": csrf(client, "/sign-in")}
    return client.post(path, data=form).status_code


def test_it_sends_strangers_to_sign_in_and_back(stranger: FlaskClient) -> None:
    answer = stranger.get("/mailings/7?state=failed")
    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=/mailings/7?state%3Dfailed"


def test_it_turns_strangers_away_from_what_does_not_exist(stranger: FlaskClient) -> None:
    assert stranger.get("/no-such-page").status_code == 303


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"X-Requested-With": "true"}])
def test_it_answers_programs_with_401(stranger: FlaskClient, headers: dict[str, str]) -> None:
    answer = stranger.get("/mailings", headers=headers)
    assert answer.status_code == 401
    assert answer.json and answer.json["statusCode"] == 401


def test_a_form_from_a_stranger_gets_a_page_and_no_redirect(stranger: FlaskClient) -> None:
    answer = stranger.post("/mailings", data={"subject": "a long letter"})
    assert answer.status_code == 401
    assert "what you typed is still there" in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/sign-in", "/static/css/base.css"])
def test_it_lets_everybody_see_what_is_public(stranger: FlaskClient, path: str) -> None:
    assert stranger.get(path).status_code == 200


def test_a_link_signs_in_again_and_again(app: Flask, link: str) -> None:
    for _ in range(2):
        client = app.test_client()
        answer = client.get(link)
        assert (answer.status_code, answer.location) == (303, "/")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert client.get("/").status_code == 200


def test_a_prefetch_of_a_link_signs_nobody_in(stranger: FlaskClient, link: str) -> None:
    assert stranger.get(link, headers={"Sec-Purpose": "prefetch;prerender"}).status_code == 204
    assert stranger.get("/").status_code == 303


def test_only_the_newest_link_is_valid(app: Flask, stranger: FlaskClient, link: str) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        user = users.by_email(connection, OWNER)
        assert user
        users.make_link(connection, user.id)
    answer = stranger.get(link, follow_redirects=True)
    assert "not valid any more" in answer.text
    assert stranger.get("/").status_code == 303


def test_an_expired_link_is_not_valid(app: Flask, stranger: FlaskClient, link: str) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        connection.execute(update(sign_in_links).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert "not valid any more" in stranger.get(link, follow_redirects=True).text


def test_it_signs_in_by_password(stranger: FlaskClient, csrf: Csrf, password: str) -> None:
    assert sign_in(stranger, csrf, password, email=" Ann@Example.ORG ") == 303
    assert OWNER in stranger.get("/settings").text


@pytest.mark.parametrize("email", [OWNER, "nobody@example.org"])
def test_it_refuses_a_wrong_password_in_the_same_words(
    stranger: FlaskClient, csrf: Csrf, password: str, email: str
) -> None:
    form = {"email": email, "password": "wrong", "csrf_token": csrf(stranger, "/sign-in")}
    answer = stranger.post("/sign-in", data=form)
    assert answer.status_code == 422
    assert "do not belong together" in answer.text
    assert f'value="{email}"' in answer.text


def test_it_takes_as_long_for_somebody_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", as_ever)
    monkeypatch.setattr(passwords, "_nobodys_hash", cache(passwords._nobodys_hash.__wrapped__))

    def seconds(known: str | None) -> float:
        began = time.process_time()
        passwords.matches(known, "guess")
        return time.process_time() - began

    known = passwords.hashed(PASSWORD)
    assert known.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    seconds(None), seconds(known)  # made ready
    assert 0.3 < seconds(None) / seconds(known) < 3


def test_a_user_without_a_password_signs_in_by_link_only(
    client: FlaskClient, stranger: FlaskClient, csrf: Csrf
) -> None:
    assert sign_in(stranger, csrf, "") == 422


def test_it_slows_down_who_guesses(stranger: FlaskClient, csrf: Csrf, password: str) -> None:
    assert [sign_in(stranger, csrf, "wrong") for _ in range(10)] == [422] * 10
    form = {"email": OWNER, "password": password, "csrf_token": csrf(stranger, "/sign-in")}
    answer = stranger.post("/sign-in", data=form)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 60


def test_guesses_made_at_once_are_all_counted(app: Flask, csrf: Csrf, password: str) -> None:
    def guess(_: int) -> int:
        return sign_in(app.test_client(), csrf, "wrong")

    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(guess, range(16)))
    assert (codes.count(422), codes.count(429)) == (10, 6)


def test_who_knows_the_password_has_not_been_guessing(app: Flask, valkey: Valkey) -> None:
    tried = attempts_of(app)
    assert [tried.begin(f"192.0.2.{number}", OWNER) for number in range(30)] == [0] * 30
    tried.succeeded(OWNER)
    assert tried.begin("192.0.2.99", OWNER) == 0


def test_one_account_is_guarded_against_many_addresses(app: Flask, valkey: Valkey) -> None:
    tried = attempts_of(app)
    assert [tried.begin(f"192.0.2.{number}", OWNER) for number in range(30)] == [0] * 30
    assert tried.begin("192.0.2.99", OWNER.upper()) > 60


def attempts_of(app: Flask) -> Attempts:
    found: Attempts = app.extensions["mailroom.attempts"]
    return found


def test_a_hung_redis_stops_nobody(
    app: Flask, valkey: Valkey, stranger: FlaskClient, csrf: Csrf, password: str
) -> None:
    assert stranger.get("/sign-in").status_code == 200  # or the first page's compiling is measured too
    valkey.pause()
    try:
        began = time.monotonic()
        assert sign_in(stranger, csrf, password) == 303
        assert time.monotonic() - began < 4
    finally:
        valkey.go_on()


def test_a_hung_redis_is_waited_for_once_and_asked_again_later(
    app: Flask, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = attempts_of(app)
    assert tried.begin("192.0.2.1", OWNER) == 0
    valkey.pause()
    try:
        assert tried.begin("192.0.2.1", OWNER) == 0
        asked_again_at = tried._resting_until
        monkeypatch.setattr(tried._counters[0], "clear", lambda *_: pytest.fail("it was asked again"))
        tried.succeeded(OWNER)
        assert asked_again_at > time.monotonic() - 1, "the rest is not over, or this proves nothing"
    finally:
        valkey.go_on()
    monkeypatch.undo()
    wait_until(lambda: time.monotonic() > asked_again_at)
    keys = set(valkey.client.keys())
    assert tried.begin("192.0.2.2", "another@example.org") == 0
    assert set(valkey.client.keys()) > keys


def test_signing_out_ends_it_on_the_server_too(app: Flask, client: FlaskClient, csrf: Csrf) -> None:
    token = csrf(client)
    with client.session_transaction() as session:
        stolen = session[gate.TOKEN]
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 303
    with client.session_transaction() as session:
        session[gate.TOKEN] = stolen
    assert client.get("/").status_code == 303


def test_the_ledger_holds_no_token(app: Flask, client: FlaskClient) -> None:
    with client.session_transaction() as session:
        token = session[gate.TOKEN]
    with app.extensions["mailroom"].database.read() as connection:
        kept = connection.execute(select(sign_ins.c.token_hash)).scalar_one()
    assert len(kept) == 64 and kept != token


def test_an_expired_sign_in_is_over(app: Flask, client: FlaskClient) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        connection.execute(update(sign_ins).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert client.get("/").status_code == 303


def test_it_writes_down_a_visit_once_an_hour(app: Flask, client: FlaskClient) -> None:
    database = app.extensions["mailroom"].database

    def seen() -> datetime:
        with database.read() as connection:
            found: datetime = connection.execute(select(sign_ins.c.seen_at)).scalar_one()
            return found

    first = seen()
    client.get("/")
    assert seen() == first
    with database.begin() as connection:
        connection.execute(update(sign_ins).values(seen_at=first - timedelta(hours=2)))
    assert "Set-Cookie" in client.get("/").headers
    assert seen() >= first


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example"],
)
def test_it_never_leads_elsewhere(app: Flask, link: str, target: str) -> None:
    answer = app.test_client().get(f"{link}&{urlencode({'next': target})}")
    assert answer.location == "/"


def test_it_leads_back_to_the_page_that_was_asked_for(
    stranger: FlaskClient, csrf: Csrf, password: str
) -> None:
    form = {"email": OWNER, "password": password, "csrf_token": csrf(stranger, "/sign-in")}
    answer = stranger.post("/sign-in?next=/mailings?page=2", data=form)
    assert answer.location == "/mailings?page=2"
