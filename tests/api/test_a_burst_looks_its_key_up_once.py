"""A burst of emails looks its key up once a second; a key that has ended is dead at once all the same."""

from __future__ import annotations

from typing import Any

import pytest

from mailroom.ledger.mailings import mailings
from mailroom.ledger.people import api_keys
from mailroom.web.api import bearer
from tests.api.conftest import EMAIL, Client, new_key


@pytest.fixture
def burst(client: Client) -> Client:
    """Its key has just been found valid."""
    client.key = new_key(client.database, scopes=["send"], rate="3/hour")
    assert client.send().status_code == 200
    return client


def end(client: Client) -> None:
    with client.database.begin() as connection:
        found = api_keys.find(connection, client.key)
        assert found is not None and api_keys.revoke(connection, found.id)


def accepted(client: Client) -> int:
    with client.database.read() as connection:
        return len(mailings.page(connection, limit=10))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    look = api_keys.look

    def counted(database: Any, key: str) -> Any:
        made.append(key)
        return look(database, key)

    monkeypatch.setattr(api_keys, "look", counted)
    return made


def test_it_is_looked_up_once(burst: Client, looks: list[str]) -> None:
    assert [burst.send().status_code for _ in range(2)] == [200, 200]
    assert looks == []


def test_it_is_looked_up_again_after_a_second(
    burst: Client, looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bearer, "KEY_KNOWN_FOR", 0)
    assert burst.send().status_code == 200
    assert looks == [burst.key]


def test_nothing_is_accepted_of_one_that_was_revoked_meanwhile(burst: Client) -> None:
    end(burst)
    answer = burst.send()
    assert answer.status_code == 403 and "revoked" in answer.get_json()["message"]
    assert accepted(burst) == 1


WAYS: dict[str, dict[str, Any]] = {
    "a wrong email": {"json": {**EMAIL, "to": []}},
    "no JSON": {"data": b"{"},
    "an unknown template": {"json": {**EMAIL, "template": {"id": "00000000-0000-4000-8000-000000000000"}}},
    "an unknown parameter": {"json": EMAIL, "query_string": {"a": "b"}},
}


@pytest.mark.parametrize("said", WAYS.values(), ids=WAYS)
def test_it_hears_of_nothing_else(burst: Client, said: dict[str, Any]) -> None:
    assert burst.post("/emails", **said).status_code in (400, 404, 422)
    end(burst)
    answer = burst.post("/emails", **said)
    assert (answer.status_code, answer.get_json()["name"]) == (403, "invalid_api_key")


def test_its_rate_is_not_told_either(burst: Client) -> None:
    assert [burst.send().status_code for _ in range(3)] == [200, 200, 429]
    end(burst)
    assert burst.send().status_code == 403


def test_its_earlier_answers_are_not_given_again(burst: Client) -> None:
    headers = {"Idempotency-Key": "once"}
    assert burst.post("/emails", json=EMAIL, headers=headers).status_code == 200
    end(burst)
    assert burst.post("/emails", json=EMAIL, headers=headers).status_code == 403


def test_a_wrong_key_is_not_known_by_another_one(burst: Client) -> None:
    answer = burst.post("/emails", json=EMAIL, key=burst.key[:-1] + ("a" if burst.key[-1] != "a" else "b"))
    assert (answer.status_code, answer.get_json()["name"]) == (403, "invalid_api_key")
