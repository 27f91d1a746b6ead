from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from mailroom.ledger.people import users
from mailroom.ledger.webhooks import webhook_calls, webhook_endpoints
from mailroom.ledger.webhooks.webhook_calls import Result
from mailroom.ledger.webhooks.webhook_endpoints import Endpoint
from mailroom.settings import Settings
from mailroom.web import Mailroom

URL = "https://example.org/hooks"
Press = Callable[..., TestResponse]


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings.model_copy(update={"webhook_hosts": ("hooks.internal",)}))
    yield app
    parts: Mailroom = app.extensions["mailroom"]
    parts.database.dispose()
    parts.queue.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    with app.extensions["mailroom"].database.begin() as connection:
        user = users.add(connection, "ann@example.org", None)
        token = users.make_link(connection, user.id)
    client = app.test_client()
    client.get(f"/sign-in?token={token}")
    return client


@pytest.fixture
def press(client: FlaskClient) -> Press:
    def press(path: str, **fields: object) -> TestResponse:
        found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/webhooks").text)
        assert found
        return client.post(path, data={"csrf_token": found[1], **fields}, follow_redirects=True)

    return press


def endpoints(app: Flask) -> list[Endpoint]:
    with app.extensions["mailroom"].database.read() as connection:
        return webhook_endpoints.everyone(connection)


def test_an_endpoint_is_added_changed_disabled_enabled_and_removed(
    app: Flask, client: FlaskClient, press: Press
) -> None:
    assert "No endpoint yet" in client.get("/webhooks").text
    shown = press("/webhooks", url=URL, events=["email.sent", "email.failed"])
    (endpoint,) = endpoints(app)
    assert endpoint.secret in shown.text and shown.headers["Cache-Control"] == "no-store"
    assert endpoint.events == ("email.sent", "email.failed")
    press("/webhooks/1", url=f"{URL}/2", events=["mailing.done"])
    assert (endpoints(app)[0].url, endpoints(app)[0].events) == (f"{URL}/2", ("mailing.done",))
    assert "Disabled by hand" in press("/webhooks/1/disable").text
    assert endpoints(app)[0].state == "disabled"
    assert "enable it first" in press("/webhooks/1/test").text
    press("/webhooks/1/enable")
    assert endpoints(app)[0].state == "enabled"
    assert f"{URL}/2" in client.get("/webhooks").text
    press("/webhooks/1/remove")
    assert endpoints(app) == []
    assert client.get("/webhooks/1").status_code == 404


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/", "must begin with https"),
        ("https://127.0.0.1/", "not on the public internet"),
        ("https://[::ffff:10.0.0.1]/", "MAILROOM_WEBHOOK_HOSTS"),
        ("https://ann:pw@example.org/", "name or password"),
        ("", "must begin with https"),
    ],
)
def test_a_bad_address_is_refused_and_kept_as_typed(app: Flask, press: Press, url: str, words: str) -> None:
    answer = press("/webhooks", url=url, events=["email.sent"])
    assert answer.status_code == 422 and words in answer.text and f'value="{url}"' in answer.text
    assert endpoints(app) == []


def test_private_hosts_that_are_named_and_no_event_at_all(app: Flask, press: Press) -> None:
    assert press("/webhooks", url="http://hooks.internal:8080/", events=["email.sent"]).status_code == 200
    answer = press("/webhooks", url=URL, events=["nothing.known"])
    assert answer.status_code == 422 and "Choose at least one event" in answer.text


def test_a_test_is_logged_shown_and_replayed(app: Flask, client: FlaskClient, press: Press) -> None:
    press("/webhooks", url=URL, events=["email.sent"])
    assert "webhook.test" in press("/webhooks/1/test").text
    assert "waits already" in press("/webhooks/1/calls/1/replay").text
    database = app.extensions["mailroom"].database
    with database.begin() as connection:
        (call,) = webhook_calls.claim(connection, 1, 10)
        webhook_calls.record(connection, Result(call, True, 200, "<b>ok</b>", 12))
    page = client.get("/webhooks/1/calls/1").text
    assert "&lt;b&gt;ok&lt;/b&gt;" in page and "A test from Mailroom" in page and call.uid in page
    assert "under the same id" in press("/webhooks/1/calls/1/replay").text
    with database.begin() as connection:
        (again,) = webhook_calls.claim(connection, 1, 10)
        assert again.uid == call.uid
    assert "webhook.test" in client.get("/webhooks/1?state=waiting").text
    assert "Nothing here yet" in client.get("/webhooks/1?state=failed").text
    press("/webhooks/1/disable")
    press("/webhooks/1/enable")
    assert "1 call is made again" in press("/webhooks/1/replay").text
    assert client.get("/webhooks/2/calls/1").status_code == 404


def test_strangers_see_nothing(app: Flask) -> None:
    assert app.test_client().get("/webhooks").status_code in (303, 401)
    assert app.test_client().post("/webhooks/1/test").status_code in (400, 401)
