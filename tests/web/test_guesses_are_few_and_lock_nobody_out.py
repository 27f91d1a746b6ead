"""Strangers who guess passwords get few guesses, and whoever knows the password comes in all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from app import create_app
from mailroom.ledger.people import users
from mailroom.settings import Settings
from mailroom.web.sign_in import attempts as module
from mailroom.web.sign_in import passwords
from mailroom.web.sign_in.attempts import Attempts
from tests.servers import Valkey
from tests.web.conftest import OWNER

Csrf = Callable[..., str]
SignIn = Callable[..., int]
PASSWORD = "correct horse battery"
STRANGER, HOME, ELSEWHERE = "198.51.100.1", "203.0.113.9", "192.0.2.77"
MINUTE, HOUR, DAY = 60, 3600, 86_400


class Clock:
    """What limits and we take for the time, of the counts in memory."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.time", clock.time)
    return clock


@pytest.fixture
def tried(settings: Settings, clock: Clock) -> Attempts:
    """Counted in memory: Redis keeps its own time."""
    return Attempts(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))


@pytest.fixture
def sign_in(app: Flask, csrf: Csrf) -> Iterator[SignIn]:
    hashed = passwords.hashed(PASSWORD)
    with app.extensions["mailroom"].database.begin() as connection:
        users.add(connection, OWNER, hashed)
        users.add(connection, "ben@example.org", hashed)

    def sign_in(
        password: str = PASSWORD, address: str = HOME, by: FlaskClient | None = None, email: str = OWNER
    ) -> int:
        client = by or app.test_client()
        form = {"email": email, "password": password, "csrf_token": csrf(client, "/sign-in")}
        return client.post("/sign-in", data=form, environ_overrides={"REMOTE_ADDR": address}).status_code

    yield sign_in


def signed_out(client: FlaskClient, csrf: Csrf) -> None:
    assert client.post("/sign-out", data={"csrf_token": csrf(client)}).status_code == 303


def fill(app: Flask, guesses: int = 40) -> None:
    """The account's room, by one guess from each of many addresses."""
    tried: Attempts = app.extensions["mailroom.attempts"]
    for number in range(guesses):
        tried.begin(f"100.64.0.{number}", OWNER)


def test_a_stranger_s_wrong_guesses_hold_nobody_up(sign_in: SignIn) -> None:
    codes = [sign_in("wrong", STRANGER) for _ in range(35)]
    assert (codes.count(422), codes.count(429)) == (10, 25)
    assert sign_in(address=HOME) == 303


def test_a_stranger_who_waits_between_guesses_holds_nobody_up(tried: Attempts, clock: Clock) -> None:
    taken = 0
    for _ in range(24 * 60):
        taken += tried.begin(STRANGER, OWNER) == 0
        clock.now += MINUTE
        if clock.now % HOUR < MINUTE:
            assert tried.begin(f"100.64.{taken % 256}.1", OWNER) == 0
    assert taken <= 24 * 10


def test_a_browser_that_is_known_is_never_held_up_by_others(app: Flask, sign_in: SignIn, csrf: Csrf) -> None:
    known = app.test_client()
    assert sign_in(by=known) == 303
    signed_out(known, csrf)
    fill(app)
    for _ in range(12):  # from the very same address, too
        sign_in("wrong", HOME)
    assert sign_in(address=HOME) == 429
    assert sign_in(by=known, address=HOME) == 303


def test_to_set_a_password_makes_the_browser_known_too(
    app: Flask, sign_in: SignIn, csrf: Csrf, link: str
) -> None:
    known = app.test_client()
    known.get(link)
    form = {"password": PASSWORD, "new_password": PASSWORD, "csrf_token": csrf(known)}
    assert known.post("/settings/password", data=form).status_code == 303
    signed_out(known, csrf)
    fill(app)
    assert sign_in(by=known, address=ELSEWHERE) == 303


def test_a_new_browser_waits_for_minutes_at_most(tried: Attempts) -> None:
    for number in range(100):
        tried.begin(f"100.64.0.{number}", OWNER)
    assert MINUTE < tried.begin(HOME, OWNER) <= 4 * MINUTE


def test_somebody_else_s_known_browser_is_a_stranger_s(app: Flask, sign_in: SignIn) -> None:
    ben = app.test_client()
    assert sign_in(by=ben, email="ben@example.org") == 303
    value = next(iter(known_cookies(ben).values()))
    fill(app)
    name = next(iter(known_cookies(known_of_owner(app, sign_in))))
    thief = app.test_client()
    thief.set_cookie(name, value, path="/sign-in")
    fill(app)
    assert sign_in(by=thief, address=STRANGER) == 429


def known_of_owner(app: Flask, sign_in: SignIn) -> FlaskClient:
    client = app.test_client()
    tried: Attempts = app.extensions["mailroom.attempts"]
    tried.succeeded(OWNER)
    assert sign_in(by=client, address="203.0.113.200") == 303
    return client


def known_cookies(client: FlaskClient) -> dict[str, str]:
    found = client._cookies or {}
    return {cookie.key: cookie.value for cookie in found.values() if "_known_" in cookie.key}


@pytest.mark.parametrize("value", ["", "made up", "WyJhIiwiYiJd.aaaa.bbbb", "W10.ZZZZZZ.x", "x" * 3000])
def test_a_made_up_cookie_is_worth_nothing(app: Flask, sign_in: SignIn, value: str) -> None:
    name = next(iter(known_cookies(known_of_owner(app, sign_in))))
    client = app.test_client()
    client.set_cookie(name, value, path="/sign-in")
    fill(app)
    assert sign_in(by=client, address=STRANGER) == 429


def test_a_cookie_of_another_secret_is_worth_nothing(app: Flask, sign_in: SignIn, settings: Settings) -> None:
    client = app.test_client()
    name, value = next(iter(known_cookies(known_of_owner(app, sign_in)).items()))
    whose = URLSafeTimedSerializer(settings.secret_key, salt="known browser").loads(value)
    forged = URLSafeTimedSerializer("another secret", salt="known browser").dumps(whose)
    client.set_cookie(name, str(forged), path="/sign-in")
    fill(app)
    assert sign_in(by=client, address=STRANGER) == 429


def test_a_known_browser_guesses_no_more_than_others(app: Flask, sign_in: SignIn, csrf: Csrf) -> None:
    stolen = app.test_client()
    assert sign_in(by=stolen) == 303
    signed_out(stolen, csrf)
    codes = [sign_in("wrong", by=stolen) for _ in range(12)]
    assert codes == [422] * 10 + [429] * 2
    assert sign_in() == 303, "and holds nobody up"


def test_its_cookie_tells_nothing_and_goes_nowhere_else(app: Flask, sign_in: SignIn) -> None:
    client = app.test_client()
    form = {"email": OWNER, "password": PASSWORD}
    page = client.get("/sign-in").text
    form["csrf_token"] = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    cookies = client.post("/sign-in", data=form).headers.get_all("Set-Cookie")
    session, known = cookies
    assert session.startswith("mailroom_8000=") and known.startswith("mailroom_8000_known_")
    assert "HttpOnly" in known and "SameSite=Lax" in known and "Path=/sign-in" in known
    assert "ann" not in known and "example" not in known


def test_behind_https_its_cookie_is_for_https(settings: Settings, sign_in: SignIn) -> None:
    public = "https://mail.example.org"
    client = create_app(settings.model_copy(update={"public_url": public})).test_client()
    page = client.get("/sign-in", base_url=public).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    form = {"email": OWNER, "password": PASSWORD, "csrf_token": token}
    cookies = client.post("/sign-in", data=form, base_url=public).headers.get_all("Set-Cookie")
    assert len(cookies) == 2 and all("Secure" in cookie for cookie in cookies)


def test_many_addresses_together_get_750_guesses_a_day(tried: Attempts, clock: Clock) -> None:
    """A botnet that always asks from somewhere else, until it is refused, and again ten seconds later."""
    end, taken, number = clock.now + DAY, 0, 0
    while clock.now < end:
        number += 1
        if tried.begin(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", OWNER) == 0:
            taken += 1
        else:
            clock.now += 10
    assert 700 <= taken <= 13 * 30 + 361


def test_a_network_of_ipv6_is_one_address(tried: Attempts) -> None:
    waits = [tried.begin(f"2001:db8:0:1::{number:x}", OWNER) for number in range(12)]
    assert waits[:10] == [0] * 10 and waits[10] > 0
    assert tried.begin("2001:db8:0:2::1", OWNER) == 0


def test_what_is_refused_at_one_gate_is_not_counted_at_the_next(tried: Attempts) -> None:
    for _ in range(200):
        tried.begin(STRANGER, OWNER)
    assert [tried.begin(f"192.0.2.{number}", OWNER) for number in range(20)] == [0] * 20


@pytest.mark.parametrize("email", [OWNER, "nobody@example.org"])
def test_nobody_learns_whether_there_is_such_an_account(
    app: Flask, csrf: Csrf, sign_in: SignIn, email: str
) -> None:
    def told(address: str) -> tuple[int, str | None, int]:
        client = app.test_client()
        form = {"email": email, "password": "wrong", "csrf_token": csrf(client, "/sign-in")}
        answer = client.post("/sign-in", data=form, environ_overrides={"REMOTE_ADDR": address})
        return (
            answer.status_code,
            answer.headers.get("Retry-After"),
            len(answer.headers.get_all("Set-Cookie")),
        )

    assert told(STRANGER)[0::2] == (422, 0)
    tried: Attempts = app.extensions["mailroom.attempts"]
    for number in range(40):
        tried.begin(f"100.64.0.{number}", email)
    status, wait, cookies = told(ELSEWHERE)
    assert (status, cookies) == (429, 0) and wait and MINUTE < int(wait) <= 4 * MINUTE


def test_guessing_the_present_password_from_a_browser_that_was_left_open(
    app: Flask, sign_in: SignIn, csrf: Csrf
) -> None:
    left = app.test_client()
    assert sign_in(by=left) == 303
    pages = []
    for _ in range(12):
        form = {"password": "wrong", "new_password": "another horse battery", "csrf_token": csrf(left)}
        pages.append(left.post("/settings/password", data=form).text)
    assert ["not your present password" in page for page in pages] == [True] * 10 + [False] * 2
    assert "Too many attempts. Try again in" in pages[-1]
    assert sign_in() == 303, "and holds nobody up"


def test_a_count_lasts_no_longer_than_its_window(valkey: Valkey, app: Flask) -> None:
    tried: Attempts = app.extensions["mailroom.attempts"]
    tried.begin(STRANGER, OWNER)
    left = [valkey.client.ttl(name) for name in valkey.client.keys("mailroom*")]
    assert len(left) == 4 and all(0 < one <= timedelta(hours=2).total_seconds() for one in left)
    assert module.ON_ONE_ACCOUNT[1].get_expiry() == 4 * MINUTE
