"""Sessions that wait for a silent server are shown wherever somebody looks why mail is late."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger.batches import batches
from mailroom.ledger.relays import parked_sessions
from mailroom.ledger.relays.parked_sessions import ParkedSession
from mailroom.settings import Settings
from mailroom.smtp.server import server_from
from tests.web.watching import a_mailing, ledger


@pytest.fixture
def server(app: Flask, settings: Settings) -> Iterator[str]:
    """Two workers wait for it: one at two dots, one while it connects."""
    name = server_from(settings).name
    note(app, "ann", ParkedSession(name, "dot", 40_000), ParkedSession(name, "dot", 2_000))
    note(app, "bo", ParkedSession(name, "connect", 9_000))
    yield name


def note(app: Flask, worker: str, *found: ParkedSession) -> None:
    with ledger(app).begin() as connection:
        parked_sessions.note(connection, worker, found)


def parked(stranger: FlaskClient) -> list[dict[str, object]]:
    (standing,) = (stranger.get("/readyz").json or {})["mail_servers"]
    return list(standing.get("parked", []))


def test_readyz_says_how_many_where_and_how_long(server: str, stranger: FlaskClient) -> None:
    connecting, dots = parked(stranger)
    assert (connecting["stage"], connecting["sessions"]) == ("connect", 1)
    assert (dots["stage"], dots["sessions"]) == ("dot", 2)
    assert 40 <= int(str(dots["longest_seconds"])) < 60


def test_the_page_of_a_mailing_says_it(app: Flask, server: str, client: FlaskClient) -> None:
    page = client.get(f"/mailings/{a_mailing(ledger(app), {})}").text
    assert (
        f"3 sessions wait for {server}, which says nothing: 1 while connecting, 2 after the final dot" in page
    )


def test_metrics_count_them_and_name_the_stages_without_any(server: str, client: FlaskClient) -> None:
    text = client.get("/metrics").text
    assert 'mailroom_parked_sessions{stage="dot"} 2.0' in text
    assert 'mailroom_parked_sessions{stage="rcpt"} 0.0' in text


def test_the_doctor_finds_a_long_silence(app: Flask, server: str) -> None:
    assert "FAIL  sessions" in app.test_cli_runner().invoke(args=["doctor"]).output
    note(app, "ann")
    assert "ok    sessions    1 session waits" in app.test_cli_runner().invoke(args=["doctor"]).output


def test_what_a_worker_does_not_say_again_is_over(
    app: Flask, server: str, stranger: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(app, "bo")
    assert [there["stage"] for there in parked(stranger)] == ["dot"]
    monkeypatch.setattr(batches, "LEASE_MS", -1)
    note(app, "ann", ParkedSession(server, "dot", 40_000))
    assert parked(stranger) == []
