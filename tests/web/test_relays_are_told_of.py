"""Only relays of the settings count, a person may have one tried again, and a paused mailing says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.mailings import lifecycle, mailings
from mailroom.ledger.relays import circuit, rates
from mailroom.settings import Settings
from mailroom.web.status.banners import HELD_SHOWN

GONE = "gone.example:25"


@pytest.fixture
def in_use(settings: Settings) -> str:
    return f"{settings.mail_server}:{settings.mail_port}"


def in_trouble(app: Flask, *servers: str, stage: str = "auth") -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        for server in servers:
            circuit.failed(connection, server, stage, 535, "the server refused our login: 535 no")
            rates.slow_down(connection, server, per_second=2)


@pytest.mark.parametrize("path", ["/mailings", "/settings", "/readyz", "/metrics"])
def test_one_that_is_no_longer_used_is_told_of_nowhere(app: Flask, client: FlaskClient, path: str) -> None:
    in_trouble(app, GONE)
    page = client.get(path).text
    assert GONE not in page and "No mail can be sent" not in page
    assert path != "/metrics" or "mailroom_servers_in_trouble 0.0" in page


def test_a_button_has_one_tried_at_once(
    app: Flask, client: FlaskClient, in_use: str, csrf: Callable[[FlaskClient], str]
) -> None:
    in_trouble(app, in_use)
    page = client.get("/settings").text
    assert "Try it now" in page and f"Forget what {in_use} asked for" in page
    form = {"server": in_use, "csrf_token": csrf(client)}
    answer = client.post("/settings/relay", data=form, follow_redirects=True).text
    assert f"{in_use} is tried now" in answer and "No mail can be sent" not in answer
    answer = client.post("/settings/relay", data=form, follow_redirects=True).text
    assert f"{in_use} was in no trouble" in answer


def test_a_command_does_the_same(app: Flask, in_use: str) -> None:
    in_trouble(app, in_use, stage="dot")
    runner = app.test_cli_runner()
    assert f"{in_use}  in trouble since" in runner.invoke(args=["relays", "list"]).output
    assert runner.invoke(args=["relays", "reset"]).output == f"{in_use}: is tried now\n"
    listed = runner.invoke(args=["relays", "list"]).output
    assert listed == f"{in_use}  works, rate: no limit\n"
    again = runner.invoke(args=["relays", "reset", in_use]).output
    assert again == f"{in_use}: was in no trouble, and not slowed down\n"


def test_a_paused_mailing_is_told_of_until_it_is_resumed_and_has_all_its_time_then(
    app: Flask, client: FlaskClient
) -> None:
    parts = app.extensions["mailroom"]
    content = Content(Address("post@mailroom.example"), "Hello", text="Hello.")
    mailing_id = accept(
        parts.database, parts.queue, Submission(content, [Recipient("ann@x.example")])
    ).mailing_id
    with parts.database.begin() as connection:
        connection.exec_driver_sql("UPDATE mailings SET created_at = created_at - 400000000, expires_at = 7")
        connection.exec_driver_sql("UPDATE mailings SET expires_at = created_at + 172800000")
        assert lifecycle.hold(connection, mailing_id, "mx.example:25 refuses the sender <b>: 553 no")
    for path in ("/mailings", f"/mailings/{mailing_id}"):
        page = client.get(path).text
        assert "refuses the sender &lt;b&gt;: 553 no. No recipient is blamed" in page.replace("</bdi>", "")
    assert "mailroom_mailings_held 1.0" in client.get("/metrics").text
    with parts.database.begin() as connection:
        assert lifecycle.resume(connection, mailing_id)
        mailing = mailings.get(connection, mailing_id)
    assert mailing is not None and mailing.expires_at > datetime.now(UTC) + timedelta(hours=47)
    assert "refuses the sender" not in client.get("/mailings").text
    assert "mailroom_mailings_held 0.0" in client.get("/metrics").text


def test_a_page_tells_of_a_few_paused_mailings_however_many_there_are(
    app: Flask, client: FlaskClient
) -> None:
    """A key that sent single emails from a refused sender made every page as long as they were many."""
    parts = app.extensions["mailroom"]
    content = Content(Address("post@mailroom.example"), "Hello", text="Hello.")
    for _ in range(HELD_SHOWN + 2):
        made = accept(parts.database, parts.queue, Submission(content, [Recipient("ann@x.example")]))
        with parts.database.begin() as connection:
            assert lifecycle.hold(connection, made.mailing_id, "mx.example:25 refuses the sender")
    page = client.get("/suppressions").text
    assert page.count("refuses the sender") == HELD_SHOWN
    assert "These are the newest; more" in page
    assert f"mailroom_mailings_held {HELD_SHOWN + 2}.0" in client.get("/metrics").text


def test_a_trouble_about_us_ends_by_a_mail_that_is_taken_and_by_nothing_less(app: Flask, in_use: str) -> None:
    in_trouble(app, in_use, stage="rcpt")
    with app.extensions["mailroom"].database.begin() as connection:
        assert not circuit.healthy(connection, in_use), "it was reached, or refused one recipient"
        assert not circuit.healthy(connection, in_use, 60_000), "that mail went before"
        assert circuit.troubled(connection) and circuit.accepted_at(connection, in_use) is None
        assert circuit.healthy(connection, in_use, 0)
        assert not circuit.troubled(connection) and not circuit.closed(connection)
        assert circuit.admit(connection, in_use) == circuit.Admission(is_open=True)
        assert circuit.accepted_at(connection, in_use) is not None
        circuit.failed(connection, in_use, "dot", 550, "again")
        (trouble,) = circuit.troubled(connection)
    assert (trouble.failures, trouble.stage) == (1, "dot")
