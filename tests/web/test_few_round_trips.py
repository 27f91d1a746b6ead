"""A database that is milliseconds away: how often a request waits for it is counted, at a proxy before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.settings import Settings, load
from tests.api.conftest import EMAIL, new_key
from tests.way import Way, way_to

WARM = 8
"""So often before it counts: by then connections are open, and the driver has prepared what it will."""

LETTER = {
    "sender": "Ann Lee <ann@example.org>",
    "recipients": "\n".join(f"person{number}@example.org" for number in range(5)),
    "subject": "Hello",
    "text": "How are you?",
}

Count = Callable[[Callable[[], Any], int], int]


@pytest.fixture
def away(postgres_url: str) -> Iterator[tuple[Way, str]]:
    """A ledger that is some way off."""
    with way_to(postgres_url) as (way, url):
        way.answers_after = 0.004
        yield way, url


@pytest.fixture
def settings(settings_env: dict[str, str], away: tuple[Way, str]) -> Settings:
    return load({**settings_env, "DATABASE_URL": away[1]})


@pytest.fixture
def count(away: tuple[Way, str]) -> Count:
    def trips(ask: Callable[[], Any], status: int) -> int:
        def asked() -> None:
            answer = ask()
            assert answer.status_code == status, answer.text

        for _ in range(WARM):
            asked()
        before = away[0].round_trips
        asked()
        return away[0].round_trips - before

    return trips


def test_a_post_waits_for_it_five_times_at_most(
    app: Flask, client: FlaskClient, csrf: Callable[[FlaskClient], str], count: Count
) -> None:
    headers = {"Authorization": f"Bearer {new_key(app.extensions['mailroom'].database)}"}
    form = {**LETTER, "csrf_token": csrf(client)}
    keys = iter(range(1_000))

    def post(**more: str) -> Any:
        return app.test_client().post("/api/v1/emails", json=EMAIL, headers={**headers, **more})

    found = {
        "a form": count(lambda: client.post("/mailings", data=form), 303),
        "a mail by the API": count(post, 200),
        "one with a key": count(lambda: post(**{"Idempotency-Key": str(next(keys))}), 200),
    }
    assert max(found.values()) <= 5, found


@pytest.mark.parametrize("path", ["/", "/mailings", "/suppressions", "/keys", "/webhooks"])
def test_a_page_waits_for_it_six_times_at_most(
    client: FlaskClient, csrf: Callable[[FlaskClient], str], count: Count, path: str
) -> None:
    client.post("/mailings", data={**LETTER, "csrf_token": csrf(client)})
    assert count(lambda: client.get(path), 200) <= 6


def test_a_connection_that_died_meanwhile_costs_nobody_an_answer(
    app: Flask, client: FlaskClient, count: Count
) -> None:
    count(lambda: client.get("/mailings"), 200)
    database = app.extensions["mailroom"].database
    with database.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
    assert client.get("/mailings").status_code == 200
