"""A database that is milliseconds away: how often a request waits for it is counted, at a proxy before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger import holding
from mailroom.ledger.relays import circuit
from mailroom.ledger.webhooks import webhook_endpoints
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

MAILING = {
    "from": "Acme <hello@acme.example>",
    "recipients": [{"address": f"person{number}@mail.example"} for number in range(5)],
    "subject": "Hello",
    "text": "How are you?",
}

Count = Callable[..., int]


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
    def trips(ask: Callable[[], Any], status: int, enough: int = 0) -> int:
        def asked() -> None:
            answer = ask()
            assert answer.status_code == status, answer.text

        for _ in range(WARM):
            asked()
        return away[0].fewest(asked, enough)

    return trips


def test_a_post_waits_for_it_five_times_at_most(
    app: Flask, client: FlaskClient, csrf: Callable[[FlaskClient], str], count: Count
) -> None:
    headers = {"Authorization": f"Bearer {new_key(app.extensions['mailroom'].database)}"}
    form = {**LETTER, "csrf_token": csrf(client)}
    keys = iter(range(1_000))
    again = {"Idempotency-Key": "again"}

    def post(**more: str) -> Any:
        return app.test_client().post("/api/v1/emails", json=EMAIL, headers={**headers, **more})

    found = {
        "a form": count(lambda: client.post("/mailings", data=form), 303, 5),
        "a mail by the API": count(post, 200, 3),
        "one with a key": count(lambda: post(**{"Idempotency-Key": str(next(keys))}), 200, 5),
        "the same once more": count(lambda: post(**again), 200, 5),
    }
    assert max(found.values()) <= 5, found
    assert found["a mail by the API"] <= 3, "to look; to take a place; to write all else, and commit"
    many = {"json": [EMAIL] * 100, "headers": headers}
    waits = count(lambda: app.test_client().post("/api/v1/emails/batch", **many), 200, 30)
    assert waits <= 30, "a hundred mails wait ten at a time"


def test_a_page_waits_for_it_six_times_at_most(
    client: FlaskClient, csrf: Callable[[FlaskClient], str], count: Count
) -> None:
    letter = {**LETTER, "html": "<p>How are you?</p>", "csrf_token": csrf(client)}
    page = client.post("/mailings", data=letter).headers["Location"]
    [delivery, *_] = re.findall(rf"{page}/deliveries/\d+", client.get(page).text)
    paths = ["/", "/mailings", "/mailings?q=person", "/attention", "/suppressions", "/keys", "/webhooks"]
    made = client.post("/lists", data={**letter, "name": "Digest"}).headers["Location"]
    client.post(f"{made}/recipients", data={**letter, "address": "a@mail.example"})
    [member] = re.findall(rf"{made}/recipients/\d+", client.get(made).text)
    paths += ["/lists", made, f"{made}?q=a", member, f"{made}/import"]
    paths += [
        "/templates",
        "/repeats",
        "/calendar",
        "/drafts",
        page,
        f"{page}?state=queued",
        f"{page}/progress",
        f"{page}/letter",
        f"{page}/report",
    ]
    paths += [delivery, f"{delivery}/letter"]
    found = {path: count(partial(client.get, path), 200, 6) for path in paths}
    assert max(found.values()) <= 6, found


def test_all_that_banners_say_is_read_at_once(app: Flask, client: FlaskClient, count: Count) -> None:
    quiet = count(lambda: client.get("/templates"), 200)
    with app.extensions["mailroom"].database.begin() as connection:
        holding.hold(connection, "restored")
        circuit.failed(connection, "mx.example:25", "auth", 535, "no")
        given_up = webhook_endpoints.add(connection, "https://shop.example/hook", ["email.sent"])
        webhook_endpoints.disable(connection, given_up, "it failed for a day")
    assert "restored" in client.get("/templates").text
    said = count(lambda: client.get("/templates"), 200, quiet + 2)
    assert said - quiet == 2, "and once for the transaction's end"


def test_what_a_program_asks_waits_for_it_six_times_at_most(app: Flask, count: Count) -> None:
    headers = {"Authorization": f"Bearer {new_key(app.extensions['mailroom'].database)}"}

    def ask(path: str) -> Any:
        return app.test_client().get(f"/api/v1{path}", headers=headers)

    made = [
        app.test_client().post(f"/api/v1{path}", json=given, headers=headers).get_json()["id"]
        for path, given in (("/emails", EMAIL), ("/emails", EMAIL), ("/mailings", MAILING))
    ]
    paths = ["/emails", f"/emails?after={made[1]}", f"/emails/{made[0]}"]
    paths += [f"/mailings/{made[2]}", "/suppressions"]
    found = {path: count(partial(ask, path), 200, 6) for path in paths}
    assert max(found.values()) <= 6, found


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
