"""Whoever had a way in before a password was changed, or before somebody was removed, has none after it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection

from app import create_app
from mailroom.ledger.people import users
from mailroom.ledger.people.users import User
from mailroom.settings import load
from mailroom.web.sign_in import passwords
from mailroom.web.sign_in import views as sign_in_page
from tests.web.conftest import OWNER

Csrf = Callable[..., str]
OLD, NEW = "correct horse battery", "another horse battery"


def change_on_settings(app: Flask, browser: FlaskClient, csrf: Csrf) -> None:
    form = {"password": OLD, "new_password": NEW, "csrf_token": csrf(browser)}
    assert browser.post("/settings/password", data=form).status_code == 303


def change_by_command(app: Flask, browser: FlaskClient, csrf: Csrf) -> None:
    done = app.test_cli_runner().invoke(args=["users", "password", OWNER], input=f"{NEW}\n")
    assert done.exit_code == 0, done.output


def remove(app: Flask, browser: FlaskClient, csrf: Csrf) -> None:
    assert app.test_cli_runner().invoke(args=["users", "remove", OWNER]).exit_code == 0


WAYS = {"on the settings page": change_on_settings, "by command": change_by_command, "removed": remove}


@pytest.fixture
def owner(app: Flask) -> User:
    with app.extensions["mailroom"].database.begin() as connection:
        return users.add(connection, OWNER, passwords.hashed(OLD))


@pytest.fixture
def new_link(app: Flask, owner: User) -> str:
    with app.extensions["mailroom"].database.begin() as connection:
        return f"/sign-in?token={users.make_link(connection, owner.id)}"


@pytest.mark.parametrize("way", WAYS)
def test_links_browsers_and_the_old_password_are_void(
    app: Flask, new_link: str, csrf: Csrf, way: str
) -> None:
    mine, other = app.test_client(), app.test_client()
    assert mine.get(new_link).status_code == other.get(new_link).status_code == 303
    WAYS[way](app, mine, csrf)
    late = app.test_client()
    assert "not valid any more" in late.get(new_link, follow_redirects=True).text
    assert late.get("/").status_code == other.get("/").status_code == 303
    form = {"email": OWNER, "password": OLD, "csrf_token": csrf(late, "/sign-in")}
    assert late.post("/sign-in", data=form).status_code == 422
    assert mine.get("/").status_code == (200 if way == "on the settings page" else 303)


def test_others_keep_their_ways(app: Flask, new_link: str, csrf: Csrf) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        ben = users.add(connection, "ben@example.org", None)
        bens = f"/sign-in?token={users.make_link(connection, ben.id)}"
    browser = app.test_client()
    browser.get(bens)
    change_by_command(app, browser, csrf)
    assert browser.get("/").status_code == 200
    assert app.test_client().get(bens).location == "/"


@pytest.mark.parametrize("backend", ["sqlite_url", "postgres_url"])
def test_who_signs_in_meanwhile_is_not_let_in(
    request: pytest.FixtureRequest,
    settings_env: dict[str, str],
    csrf: Csrf,
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
) -> None:
    """The old password has been found right, and is changed before the browser is signed in."""
    url: str = request.getfixturevalue(backend)
    app = create_app(load(settings_env | {"DATABASE_URL": url}))
    with app.extensions["mailroom"].database.begin() as connection:
        users.add(connection, OWNER, passwords.hashed(OLD))
    compared, changed = Event(), Event()

    def slowly(user: User, may: Callable[[Connection], bool]) -> bool:
        compared.set()
        assert changed.wait(10)
        return sign_in(user, may)

    sign_in = sign_in_page.sign_in
    monkeypatch.setattr(sign_in_page, "sign_in", slowly)
    late, codes = app.test_client(), list[int]()
    form = {"email": OWNER, "password": OLD, "csrf_token": csrf(late, "/sign-in")}
    thread = Thread(target=lambda: codes.append(late.post("/sign-in", data=form).status_code))
    thread.start()
    assert compared.wait(10)
    change_by_command(app, late, csrf)
    changed.set()
    thread.join(10)
    assert codes == [422] and late.get("/").status_code == 303
    app.extensions["mailroom"].database.dispose()
