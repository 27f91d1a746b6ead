"""On the page, and by `flask keys`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from mailroom.ledger.people import api_keys, sign_ins, users
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.settings import load
from mailroom.web.request import gate
from tests.api.conftest import EMAIL


@pytest.fixture
def app(settings_env: dict[str, str]) -> Iterator[Flask]:
    app = create_app(load(settings_env))
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    app.extensions["mailroom"].database.dispose()


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    with app.extensions["mailroom"].database.begin() as connection:
        user = users.add(connection, "ann@acme.example", None)
        token = sign_ins.start(connection, user.id, "", "")
    client = app.test_client()
    with client.session_transaction() as session:
        session[gate.TOKEN] = token
    return client


def listed(app: Flask) -> list[ApiKey]:
    with app.extensions["mailroom"].database.read() as connection:
        return api_keys.everyone(connection)


def send(app: Flask, key: str) -> int:
    answer = app.test_client().post("/api/v1/emails", json=EMAIL, headers={"Authorization": f"Bearer {key}"})
    return answer.status_code


def test_a_key_is_shown_once(app: Flask, browser: FlaskClient) -> None:
    wishes = {
        "name": "The shop",
        "scopes": ["send"],
        "senders": "@Acme.example, a@b.example",
        "expires_in": "30",
    }
    made = browser.post("/keys", data=wishes)
    assert made.status_code == 303 and "mr_" not in made.text + str(made.headers)  # a reload makes none
    answer = browser.get(made.headers["Location"])
    found = re.search(r"mr_[A-Za-z0-9]{43}", answer.get_data(as_text=True))
    assert answer.status_code == 200 and found
    assert answer.headers["Cache-Control"] == "no-store"
    assert send(app, found[0]) == 200

    page = browser.get("/keys").get_data(as_text=True)
    assert "The shop" in page and found[0] not in page and "ann@acme.example" in page
    key = listed(app)[0]
    assert (key.scopes, key.senders, key.made_by) == (
        ["send"],
        ["acme.example", "a@b.example"],
        "ann@acme.example",
    )
    assert key.expires_at is not None and (key.expires_at - key.created_at).days in (29, 30)


def test_it_is_revoked_at_once(app: Flask, browser: FlaskClient) -> None:
    page = browser.post("/keys", data={"name": "Old", "scopes": ["send"]}, follow_redirects=True).text
    key = re.search(r"mr_[A-Za-z0-9]{43}", page)
    assert key and send(app, key[0]) == 200
    assert browser.post(f"/keys/{listed(app)[0].id}/revoke").status_code == 303
    assert send(app, key[0]) == 403
    assert "revoked" in browser.get("/keys").get_data(as_text=True)


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"name": " ", "scopes": ["send"]}, "Give it a name"),
        ({"name": "x", "scopes": []}, "Choose what it may do"),
        ({"name": "x", "scopes": ["root"]}, "Choose what it may do"),
        ({"name": "x", "scopes": ["send"], "senders": "no domain"}, "neither an address nor a domain"),
        ({"name": "x", "scopes": ["send"], "expires_in": "-1"}, "after how many days"),
        ({"name": "x", "scopes": ["send"], "rate": "1/fortnight"}, "Write it like 100/second"),
    ],
)
def test_a_mistake_makes_none(
    app: Flask, browser: FlaskClient, wishes: dict[str, str], sentence: str
) -> None:
    answer = browser.post("/keys", data=wishes)
    assert answer.status_code == 422 and sentence in answer.get_data(as_text=True)
    assert listed(app) == []


def test_strangers_see_no_keys(app: Flask) -> None:
    assert app.test_client().get("/keys").status_code == 303
    assert app.test_client().post("/keys", data={"name": "x", "scopes": "send"}).status_code == 401


def test_the_command_prints_the_key_alone_on_the_last_line(app: Flask) -> None:
    done = app.test_cli_runner().invoke(
        args=["keys", "add", "cron job", "--scope", "send", "--sender", "acme.example"]
    )
    key = done.output.splitlines()[-1]
    assert done.exit_code == 0 and re.fullmatch(r"mr_[A-Za-z0-9]{43}", key)
    assert send(app, key) == 200
    assert (listed(app)[0].scopes, listed(app)[0].senders) == (["send"], ["acme.example"])


def test_the_commands_list_and_revoke(app: Flask) -> None:
    run = app.test_cli_runner().invoke
    key = run(args=["keys", "add", "cron job"]).output.splitlines()[-1]
    shown = run(args=["keys", "list"]).output
    assert "cron job" in shown and key not in shown
    assert run(args=["keys", "revoke", shown.split()[0]]).exit_code == 0
    assert send(app, key) == 403
    assert run(args=["keys", "revoke", "99"]).exit_code == 1
    assert run(args=["keys", "add", "x", "--rate", "lots"]).exit_code == 1


def test_a_key_shares_with_another_of_its_number(app: Flask, browser: FlaskClient) -> None:
    run = app.test_cli_runner().invoke
    run(args=["keys", "add", "shop"])
    (shop,) = listed(app)
    assert run(args=["keys", "add", "shop 2", "--shares-with", str(shop.id)]).exit_code == 0
    wishes = {"name": "figures", "scopes": ["read"], "shares_with": str(listed(app)[0].id)}
    page = browser.post("/keys", data=wishes, follow_redirects=True).text
    assert f"shares mail with No. {shop.id}" in page
    assert {key.program for key in listed(app)} == {shop.id}
    shown = run(args=["keys", "list"]).output
    assert f"shares with {shop.id}" in shown and "made by ann@acme.example" in shown


@pytest.mark.parametrize("number", ["99", "x", "-1", "9" * 30])
def test_a_key_shares_with_none_that_is_not_there(app: Flask, browser: FlaskClient, number: str) -> None:
    answer = browser.post("/keys", data={"name": "x", "scopes": ["send"], "shares_with": number})
    assert answer.status_code == 422
    assert "There is no key of this number" in answer.get_data(as_text=True)
    done = app.test_cli_runner().invoke(args=["keys", "add", "x", f"--shares-with={number}"])
    assert done.exit_code == 1 and listed(app) == []
