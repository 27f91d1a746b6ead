from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger.mailings import mailings
from mailroom.ledger.relays import circuit, rates
from mailroom.ledger.webhooks import webhook_endpoints


@pytest.fixture
def settings_env(settings_env: dict[str, str]) -> dict[str, str]:
    return {**settings_env, "MAIL_SERVER": "smtp.example.org", "MAIL_PORT": "587"}


@pytest.fixture
def in_trouble(app: Flask) -> Flask:
    with app.extensions["mailroom"].database.begin() as connection:
        words = "the server refused our login: 535 5.7.8 <b>no</b>"
        circuit.failed(connection, "smtp.example.org:587", "auth", 535, words)
    return app


@pytest.mark.parametrize("path", ["/", "/mailings", "/settings", "/suppressions", "/nowhere"])
def test_every_page_says_that_a_server_is_in_trouble_until_it_is_healed(
    in_trouble: Flask, client: FlaskClient, path: str
) -> None:
    page = client.get(path).text
    assert "No mail can be sent to smtp.example.org:587: the server refused our login" in page
    assert "It is tried again in" in page
    assert "&lt;b&gt;no" in page and "<b>no" not in page
    with in_trouble.extensions["mailroom"].database.begin() as connection:
        circuit.healthy(connection, "smtp.example.org:587")
    assert "No mail can be sent" not in client.get(path).text


def test_strangers_are_not_told(in_trouble: Flask, stranger: FlaskClient) -> None:
    assert "smtp.example.org" not in stranger.get("/sign-in").text
    assert "smtp.example.org" not in stranger.get("/nowhere", follow_redirects=True).text


def test_the_settings_show_the_present_rate(app: Flask, client: FlaskClient) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        rates.slow_down(connection, "smtp.example.org:587", per_second=24)
    page = client.get("/settings").text
    assert "smtp.example.org:587 asked us to slow down and gets 12/second now" in page


HOOK = "https://example.org/hooks?a=1&b=2"


def disabled(app: Flask, why: str) -> int:
    with app.extensions["mailroom"].database.begin() as connection:
        endpoint_id = webhook_endpoints.add(connection, HOOK, ["email.sent"])
        webhook_endpoints.disable(connection, endpoint_id, why)
    return endpoint_id


@pytest.mark.parametrize("path", ["/", "/mailings", "/settings", "/webhooks", "/nowhere"])
def test_every_page_says_that_a_webhook_was_given_up_until_it_is_enabled(
    app: Flask, client: FlaskClient, path: str
) -> None:
    endpoint_id = disabled(app, "It answered 410 Gone.")
    page = client.get(path).text
    link = f'<a href="/webhooks/{endpoint_id}">https://example.org/hooks?a=1&amp;b=2</a>'
    assert f"{link} has been told nothing" in page and "It answered 410 Gone." in page
    with app.extensions["mailroom"].database.begin() as connection:
        webhook_endpoints.enable(connection, endpoint_id)
    assert "has been told nothing" not in client.get(path).text


def test_its_own_page_says_it_once(app: Flask, client: FlaskClient) -> None:
    page = client.get(f"/webhooks/{disabled(app, 'It answered 410 Gone.')}").text
    assert page.count("It answered 410 Gone.") == 1


def test_a_webhook_that_somebody_disabled_is_no_news(app: Flask, client: FlaskClient) -> None:
    disabled(app, webhook_endpoints.BY_HAND)
    assert "has been told nothing" not in client.get("/").text


def test_strangers_are_not_told_of_webhooks(app: Flask, stranger: FlaskClient) -> None:
    disabled(app, "It answered 410 Gone.")
    assert "example.org/hooks" not in stranger.get("/sign-in").text
    assert "example.org/hooks" not in stranger.get("/nowhere", follow_redirects=True).text


def test_what_there_is_none_of_is_not_asked_for(
    in_trouble: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> list[object]:
        pytest.fail("nobody needs to ask")

    monkeypatch.setattr(mailings, "held", never)
    monkeypatch.setattr(webhook_endpoints, "given_up", never)
    assert "No mail can be sent to smtp.example.org:587" in client.get("/templates").text
