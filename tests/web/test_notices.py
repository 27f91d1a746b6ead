from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger import servers, throttles


@pytest.fixture
def in_trouble(app: Flask) -> Flask:
    with app.extensions["mailroom"].database.begin() as connection:
        words = "the server refused our login: 535 5.7.8 <b>no</b>"
        servers.failed(connection, "smtp.example.org:587", "auth", 535, words)
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
        servers.healthy(connection, "smtp.example.org:587")
    assert "No mail can be sent" not in client.get(path).text


def test_strangers_are_not_told(in_trouble: Flask, stranger: FlaskClient) -> None:
    assert "smtp.example.org" not in stranger.get("/sign-in").text
    assert "smtp.example.org" not in stranger.get("/nowhere", follow_redirects=True).text


def test_the_settings_show_the_present_rate(app: Flask, client: FlaskClient) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        throttles.slow_down(connection, "smtp.example.org:587", per_second=24)
    page = client.get("/settings").text
    assert "smtp.example.org:587 asked us to slow down and gets 12/second now" in page
