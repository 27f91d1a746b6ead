"""A repeat that paused itself, for its zone is not known on this machine any more: looked at, and mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from mailroom.ledger.people import api_keys
from mailroom.ledger.repeats import repeats
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.ledger.schema import repeats as repeats_table
from tests.web.test_repeats import LETTER
from tests.web.watching import ledger, post

GONE = "There is no such time zone"
Ask = Callable[..., Any]


def only(app: Flask) -> Repeat:
    with ledger(app).read() as connection:
        (found,) = repeats.page(connection, limit=9)
    return found


@pytest.fixture
def uid(app: Flask, client: FlaskClient) -> str:
    post(client, "/mailings", "/", **LETTER, repeat="daily 9", repeat_until="2099-12-31")
    gone = {"zone": "Mars/Olympus", "state": "paused", "paused_for": "Its zone is not known."}
    with ledger(app).begin() as connection:
        connection.execute(update(repeats_table).values(gone))
    return only(app).uid


def test_on_its_page(app: Flask, client: FlaskClient, uid: str) -> None:
    path = f"/repeats/{uid}"
    page = client.get(path)
    assert page.status_code == 200 and "It paused itself: <bdi>Its zone" in page.text
    assert 'value="Mars/Olympus"' in page.text
    for action in ("resume", "send"):
        assert post(client, f"{path}/{action}", path).status_code == 303
        assert GONE in client.get(path).text and only(app).state == "paused"
    assert post(client, path, path, repeat="daily 9", repeat_zone="Mars/Olympus").status_code == 422
    assert post(client, path, path, repeat="daily 9", repeat_zone="Europe/Berlin").status_code == 303
    assert post(client, f"{path}/resume", path).status_code == 303
    assert (only(app).state, only(app).zone) == ("active", "Europe/Berlin")
    assert [client.get(place).status_code for place in ("/repeats", "/calendar")] == [200, 200]


def test_by_the_api(app: Flask, uid: str) -> None:
    with ledger(app).begin() as connection:
        key, _ = api_keys.add(connection, "admin", scopes=list(api_keys.SCOPES))
    api, path = app.test_client(use_cookies=False), f"/api/v1/repeats/{uid}"

    def ask(method: str, path: str, **json: str) -> tuple[int, Any]:
        answer = api.open(path, method=method, json=json or None, headers={"Authorization": f"Bearer {key}"})
        return answer.status_code, answer.get_json()

    status, shown = ask("GET", path)
    assert (status, shown["zone"], shown["upcoming"]) == (200, "Mars/Olympus", [])
    for method, place, json in (
        ("POST", "/resume", {}),
        ("POST", "/send", {}),
        ("PATCH", "", {"rule": "daily 8:00"}),
    ):
        status, told = ask(method, path + place, **json)
        assert status == 409 and GONE in told["message"], place
    assert ask("PATCH", path, zone="Asia/Tokyo")[0] == 200
    assert ask("POST", f"{path}/resume")[0] == 200 and only(app).state == "active"


def test_by_command(app: Flask, uid: str) -> None:
    def run(*words: str) -> tuple[int, str]:
        done = app.test_cli_runner().invoke(args=["repeats", *words])
        return done.exit_code, done.output

    assert run("list")[0] == 0
    status, shown = run("show", uid)
    assert status == 0 and "Mars/Olympus" in shown
    for words in (("resume", uid), ("send", uid), ("change", uid, "--rule", "daily 8:00")):
        status, told = run(*words)
        assert status == 1 and GONE in told, words
    assert run("change", uid, "--zone", "Asia/Tokyo")[0] == 0 and run("resume", uid)[0] == 0
    assert only(app).state == "active"
