from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

Csrf = Callable[..., str]


def test_it_lists_my_browsers_and_ends_one(app: Flask, link: str, client: FlaskClient, csrf: Csrf) -> None:
    other = app.test_client()
    other.get(
        link, headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    )
    page = client.get("/settings").text
    assert "Firefox on Linux" in page
    path = page.partition('action="/settings/browsers/')[2].partition('"')[0]
    # The first of the two forms ends all others, the second that one browser.
    assert path == "end-others"
    number = page.split('action="/settings/browsers/')[2].partition("/")[0]
    client.post(f"/settings/browsers/{number}/end", data={"csrf_token": csrf(client)})
    assert other.get("/").status_code == 303
    assert client.get("/").status_code == 200


def test_a_new_password_signs_all_other_browsers_out(
    app: Flask, link: str, client: FlaskClient, csrf: Csrf
) -> None:
    other = app.test_client()
    other.get(link)
    form = {"new_password": "correct horse battery", "csrf_token": csrf(client)}
    assert client.post("/settings/password", data=form).status_code == 303
    assert other.get("/").status_code == 303
    assert client.get("/").status_code == 200


def test_changing_a_password_needs_the_present_one(client: FlaskClient, csrf: Csrf) -> None:
    first = {"new_password": "correct horse battery", "csrf_token": csrf(client)}
    client.post("/settings/password", data=first)
    second = {"password": "wrong", "new_password": "another horse battery", "csrf_token": csrf(client)}
    answer = client.post("/settings/password", data=second)
    assert answer.status_code == 422
    assert "not your present password" in answer.text


def test_a_short_password_is_refused(client: FlaskClient, csrf: Csrf) -> None:
    answer = client.post("/settings/password", data={"new_password": "short", "csrf_token": csrf(client)})
    assert answer.status_code == 422
    assert "at least 10 characters" in answer.text


def test_it_shows_no_secret(app: Flask, client: FlaskClient) -> None:
    settings = app.extensions["mailroom"].settings
    page = client.get("/settings").text
    assert settings.secret_key not in page
    assert settings.redis_url not in page and ":test@" not in page
