from __future__ import annotations

import time

import pytest

from mailroom.engine import key_rates
from mailroom.ledger.people import api_keys
from mailroom.web.api import rates as api_rates
from tests.api.conftest import Client, new_key
from tests.servers import Valkey


@pytest.fixture(autouse=True)
def _one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still: a minute must not end in the middle of a test."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_010.5)


def test_who_asks_too_often_is_told_when_to_go_on(light_client: Client) -> None:
    key = new_key(light_client.database, rate="3/minute")
    answers = [light_client.get("/emails", key=key) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"3"}
    assert answers[3].get_json()["name"] == "rate_limit_exceeded"
    assert answers[3].headers["Retry-After"] == answers[3].headers["ratelimit-reset"] == "50"


def test_keys_do_not_share_a_rate(light_client: Client) -> None:
    first, second = (new_key(light_client.database, rate="1/minute") for _ in range(2))
    assert light_client.get("/emails", key=first).status_code == 200
    assert light_client.get("/emails", key=first).status_code == 429
    assert light_client.get("/emails", key=second).status_code == 200


def test_processes_share_it(light_client: Client, valkey: Valkey) -> None:
    key = new_key(light_client.database, rate="400/minute")
    with light_client.database.read() as connection:
        found = api_keys.find(connection, key)
    assert found is not None
    one, other = key_rates.Rates(valkey.url), key_rates.Rates(valkey.url)
    used = [(one if number % 2 else other).hit(found).used for number in range(300)]
    assert 300 <= max(used) <= 302
    while other.hit(found).used <= 400:
        pass
    # What the first one has counted already, at most a share of two, it may still use.
    assert sum(one.hit(found).used <= 400 for _ in range(5)) <= 1


def test_a_redis_that_hangs_stops_nobody(light_client: Client, own_valkey: Valkey) -> None:
    key = new_key(light_client.database, rate="3/minute")
    api_rates.init_app(light_client.app, own_valkey.url)
    assert light_client.get("/emails", key=key).status_code == 200
    own_valkey.pause()
    started = time.monotonic()
    answers = [light_client.get("/emails", key=key).status_code for _ in range(5)]
    assert time.monotonic() - started < 4
    assert answers == [200, 200, 200, 429, 429]  # counted anew, in this process
    own_valkey.go_on()
