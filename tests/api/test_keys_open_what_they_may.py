from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from mailroom.ledger.people import api_keys
from tests.api.conftest import EMAIL, Client, new_key


def test_without_a_key_nothing_opens(light_client: Client) -> None:
    for header in ({}, {"Authorization": ""}, {"Authorization": "Basic x"}, {"Authorization": "Bearer "}):
        answer = light_client.app.test_client().get("/api/v1/emails", headers=header)
        assert (answer.status_code, answer.get_json()["name"]) == (401, "missing_api_key")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["mr_", "mr_" + "x" * 43, "re_123", "ü", "x" * 5000])
def test_a_wrong_key_opens_nothing(light_client: Client, key: str) -> None:
    answer = light_client.get("/emails", key=key)
    assert (answer.status_code, answer.get_json()["name"]) == (403, "invalid_api_key")


def test_a_key_holds_256_random_bits_and_only_its_hash_is_kept(client: Client) -> None:
    assert client.key.startswith("mr_") and len(client.key) == 46
    with client.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM api_keys").all()
    assert client.key not in repr(rows) and client.key[3:20] not in repr(rows)


def test_a_revoked_key_opens_nothing_from_that_moment(client: Client) -> None:
    key = new_key(client.database)
    assert client.get("/emails", key=key).status_code == 200
    with client.database.begin() as connection:
        found = api_keys.find(connection, key)
        assert found is not None and api_keys.revoke(connection, found.id)
        assert not api_keys.revoke(connection, found.id)
    answer = client.get("/emails", key=key)
    assert answer.status_code == 403 and "revoked" in answer.get_json()["message"]


def test_an_expired_key_opens_nothing(client: Client) -> None:
    key = new_key(client.database, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    answer = client.get("/emails", key=key)
    assert answer.status_code == 403 and "expired" in answer.get_json()["message"]


def test_scopes(client: Client) -> None:
    send = new_key(client.database, scopes=["send"])
    with client.database.read() as connection:
        sender = api_keys.find(connection, send)
    assert sender is not None
    read = new_key(client.database, scopes=["read"], shares_with=sender.id)
    sent = client.post("/emails", json=EMAIL, key=send)
    assert sent.status_code == 200
    assert client.get(f"/emails/{sent.get_json()['id']}", key=read).status_code == 200

    for answer in (client.get("/emails", key=send), client.post("/emails", json=EMAIL, key=read)):
        assert (answer.status_code, answer.get_json()["name"]) == (401, "restricted_api_key")


@pytest.mark.parametrize(
    ("senders", "allowed"),
    [
        (["acme.example"], True),
        (["hello@acme.example"], True),
        (["other@acme.example"], False),
        (["example"], False),
        (["other.example", "acme.example"], True),
    ],
)
def test_allowed_senders(light_client: Client, senders: list[str], allowed: bool) -> None:
    key = new_key(light_client.database, senders=senders)
    answer = light_client.post("/emails", json={**EMAIL, "from": "Acme <Hello@ACME.example>"}, key=key)
    assert answer.status_code == (200 if allowed else 403)
    assert allowed or "hello@acme.example" in answer.get_json()["message"].lower()


def test_its_last_use_is_written_down_once_a_minute(client: Client) -> None:
    def last_used() -> datetime | None:
        with client.database.read() as connection:
            found = api_keys.find(connection, client.key)
        assert found is not None
        return found.last_used_at

    assert last_used() is None
    client.get("/emails")
    deadline = time.monotonic() + 10
    while last_used() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first = last_used()
    client.get("/emails")
    time.sleep(0.2)
    assert last_used() == first
