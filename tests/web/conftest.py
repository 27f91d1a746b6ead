"""The whole application on real parts, and clients of it.

app        create_app() on `settings`
stranger   a client that is not signed in
client     a client that is signed in as OWNER, and `csrf(client)` for its forms
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from mailroom.ledger.people import users
from mailroom.settings import Settings
from mailroom.web import Mailroom

OWNER = "ann@example.org"


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    parts: Mailroom = app.extensions["mailroom"]
    parts.database.dispose()
    parts.queue.close()


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def link(app: Flask) -> str:
    """The path of a link that signs OWNER in."""
    with app.extensions["mailroom"].database.begin() as connection:
        user = users.by_email(connection, OWNER) or users.add(connection, OWNER, None)
        return f"/sign-in?token={users.make_link(connection, user.id)}"


@pytest.fixture
def client(app: Flask, link: str) -> FlaskClient:
    client = app.test_client()
    assert client.get(link).status_code == 303
    return client


@pytest.fixture
def csrf() -> Callable[[FlaskClient], str]:
    def token(client: FlaskClient, path: str = "/") -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
        assert found, f"no form at {path}"
        return found[1]

    return token
