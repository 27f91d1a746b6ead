"""A hold is seen wherever somebody looks for the reason why no mail leaves, and let go by a button."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from mailroom.ledger import holding
from mailroom.settings import Settings
from tests.web.watching import a_mailing, ledger

Csrf = Callable[[FlaskClient], str]


def test_pages_say_why_and_since_when_and_have_a_button(app: Flask, client: FlaskClient, csrf: Csrf) -> None:
    mailing_id = a_mailing(ledger(app), {})
    with ledger(app).begin() as connection:
        holding.hold(connection, "we <move> house")
    for path in ("/", "/mailings", "/settings"):
        page = client.get(path).text
        assert "Sending is held since" in page and "we &lt;move&gt; house" in page, path
        assert 'action="/settings/release"' in page
    assert "Sending is held: we &lt;move&gt; house." in client.get(f"/mailings/{mailing_id}").text
    done = client.post("/settings/release", data={"csrf_token": csrf(client)}, follow_redirects=True)
    assert "Sending goes on within seconds." in done.text and "Sending is held" not in done.text


def test_a_stranger_sees_no_reason_and_has_no_button(app: Flask, stranger: FlaskClient) -> None:
    with ledger(app).begin() as connection:
        holding.hold(connection, "we move house")
    assert "move house" not in stranger.get("/sign-in").text
    assert stranger.post("/settings/release").status_code in (400, 401)
    ready = stranger.get("/readyz")
    assert ready.json and ready.json["sending"]["held"] and ready.json["sending"]["since"]
    assert "move house" not in ready.text
    with ledger(app).read() as connection:
        assert holding.present(connection) is not None


def test_metrics_and_the_doctor_say_it(app: Flask, client: FlaskClient) -> None:
    assert "mailroom_sending_held 0.0" in client.get("/metrics").text
    with ledger(app).begin() as connection:
        holding.hold(connection, "we move house")
    assert "mailroom_sending_held 1.0" in client.get("/metrics").text
    said = app.test_cli_runner().invoke(args=["doctor"]).output
    assert "HELD  sending     we move house; flask release lets go" in said


def test_a_hold_by_the_setting_is_seen_too_and_no_button_lets_it_go(settings: Settings, link: str) -> None:
    app = create_app(settings.model_copy(update={"hold": True}))
    client = app.test_client()
    client.get(link)
    page = client.get("/").text
    assert "Sending is held: <bdi>MAILROOM_HOLD is set" in page and "/settings/release" not in page
    assert (client.get("/readyz").json or {})["sending"] == {"held": True}
    assert "mailroom_sending_held 1.0" in client.get("/metrics").text
    ledger(app).dispose()


def test_commands_hold_and_let_go(app: Flask) -> None:
    run = app.test_cli_runner().invoke
    assert "Sending is held" in run(args=["hold", "--reason", "we move house"]).output
    assert "held already" in run(args=["hold"]).output
    with ledger(app).read() as connection:
        found = holding.present(connection)
    assert found and found.reason == "we move house"
    assert run(args=["release"]).output == "Sending goes on within seconds.\n"
    assert run(args=["release"]).output == "The ledger holds nothing.\n"
