"""/attention: what was refused, is in doubt or waits, from the ledger alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import delete

from mailroom.database.clock import to_millis
from mailroom.ledger import holding
from mailroom.ledger.deliveries import attention
from mailroom.ledger.deliveries.attention import Chosen
from mailroom.ledger.relays import circuit
from mailroom.ledger.schema import contents
from mailroom.ledger.states import WATCHED, State
from mailroom.settings import Settings
from mailroom.smtp.server import server_from
from tests.invariants import counters_agree
from tests.servers import Valkey
from tests.web.watching import a_mailing, ledger, post

PAGE = "/attention"
REFUSED: dict[str, Any] = {"state": "failed", "code": 550, "reply": "5.1.1 No such user", "attempts": 1}
FULL: dict[str, Any] = {"state": "failed", "code": 552, "reply": "5.2.2 Mailbox full", "attempts": 1}
LATER: dict[str, Any] = {"state": "deferred", "code": 451, "reply": "4.7.1 Greylisted", "due_at": 2**41}
SILENT: dict[str, Any] = {"state": "deferred", "reply": "connection refused", "due_at": 2**41}
IN_DOUBT: dict[str, Any] = {"state": "unknown", "reply": "no answer"}


def to(row: dict[str, Any], address: str) -> dict[str, Any]:
    return {**row, "address": address}


def states(app: Flask, chosen: Chosen) -> int:
    with ledger(app).read() as connection:
        return len(attention.watched(connection, chosen))


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_two_refused_mails_are_told_though_redis_lost_all(
    app: Flask, client: FlaskClient, valkey: Valkey
) -> None:
    a_mailing(ledger(app), REFUSED, FULL, {"state": "sent"}, state="done", subject="Spring letter")
    Redis.from_url(valkey.url).flushall()
    shown = words_of(client.get(PAGE).text)
    assert "failed 2" in shown and "5.1.1 No such user" in shown and "5.2.2 Mailbox full" in shown
    assert "Spring letter" in shown
    dashboard = client.get("/queue/").text
    assert 'href="/attention"' in dashboard and "2 failed" in words_of(dashboard)


@pytest.mark.parametrize("state", WATCHED)
def test_every_watched_state_has_its_tab(app: Flask, client: FlaskClient, state: State) -> None:
    a_mailing(ledger(app), {"state": state.value})
    assert f"{state} 1" in words_of(client.get(PAGE).text)
    shown = client.get(PAGE, query_string={"state": state}).text
    assert "person1@example.org" in shown and state.sentence in words_of(shown)


def test_deferred_mail_is_told_by_reason_and_age(app: Flask, client: FlaskClient) -> None:
    now = datetime.now(UTC)
    a_mailing(ledger(app), LATER, LATER, SILENT, created_at=now - timedelta(hours=3))
    a_mailing(ledger(app), LATER, created_at=now - timedelta(minutes=3))
    shown = words_of(client.get(f"{PAGE}?state=deferred").text)
    assert re.search(r"451 4\.7\.1 3 ", shown) and re.search(r"no answer 1 ", shown)
    assert "under an hour 1 under a day 3 a day or more 0" in shown


def test_what_holds_all_mail_is_told_here_too(app: Flask, client: FlaskClient, settings: Settings) -> None:
    server = server_from(settings).name
    with ledger(app).begin() as connection:
        circuit.failed(connection, server, "AUTH", 535, "5.7.8 Bad <b>password</b>")
        holding.hold(connection, "the disk is changed")
    shown = client.get(PAGE).text
    assert f"No mail can be sent to {server}" in shown and "5.7.8 Bad &lt;b&gt;password&lt;/b&gt;" in shown
    assert "Sending is held" in shown and "the disk is changed" in shown


@pytest.mark.parametrize(
    ("filter_", "moved"),
    [
        ({"reason": "550 5.1.1"}, 3),
        ({"reason": "552 5.2.2"}, 1),
        ({"domain": "b.example"}, 2),
        ({"domain": "B.EXAMPLE"}, 2),
        ({"domain": "_.example"}, 0),
        ({"reason": "550 5.1.1", "domain": "b.example"}, 1),
        ({}, 4),
    ],
)
def test_a_retry_reaches_those_that_the_filter_shows_and_no_others(
    app: Flask, client: FlaskClient, filter_: dict[str, str], moved: int
) -> None:
    a_mailing(ledger(app), to(REFUSED, "Ann@a.example"), to(REFUSED, "bo@b.example"), LATER, state="done")
    a_mailing(ledger(app), to(REFUSED, "cy@xb.example"), to(FULL, "di@b.example"))
    page = f"{PAGE}?state=failed"
    answer = post(client, f"{PAGE}/retry", page, state="failed", **filter_)
    assert answer.status_code == 303
    assert states(app, Chosen(State.FAILED)) == 4 - moved
    assert states(app, Chosen(State.DEFERRED)) == 1, "what was not asked for stays"
    counters_agree(ledger(app))
    said = words_of(client.get(answer.headers["Location"]).text)
    assert (f"{moved} mail{'s are' if moved > 1 else ' is'} tried again." in said) == bool(moved)


def test_a_retry_by_mailing_leaves_the_other_mailings(app: Flask, client: FlaskClient) -> None:
    first, second = (a_mailing(ledger(app), REFUSED, REFUSED, state="done") for _ in range(2))
    page = f"{PAGE}?state=failed"
    post(client, f"{PAGE}/retry", page, state="failed", mailing=str(first))
    assert states(app, Chosen(State.FAILED, mailing_id=first)) == 0
    assert states(app, Chosen(State.FAILED, mailing_id=second)) == 2


def test_many_are_moved_some_at_a_time_and_the_page_says_so(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "WATCHED_LOOKED_AT", 2)
    monkeypatch.setattr(attention, "MAILINGS_AT_ONCE", 1)
    a_mailing(ledger(app), *[REFUSED] * 3)
    page = f"{PAGE}?state=failed"
    answer = post(client, f"{PAGE}/retry", page, state="failed", reason="550 5.1.1")
    assert "reason=550" in answer.headers["Location"], "the filter stays"
    said = words_of(client.get(answer.headers["Location"]).text)
    assert "2 mails are tried again. More of them are left: press once more." in said
    assert states(app, Chosen(State.FAILED)) == 1


@pytest.mark.parametrize(("older", "is_said"), [(2, True), (0, False)])
def test_older_ones_that_come_in_view_are_left(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, older: int, is_said: bool
) -> None:
    """Whoever filters sees the newest alone, and is told whether others of that kind show now."""
    monkeypatch.setattr(attention, "WATCHED_LOOKED_AT", 4)
    a_mailing(ledger(app), *[to(REFUSED, "ann@a.example")] * older)
    a_mailing(ledger(app), *[to(REFUSED, "bo@a.example")] * 4)
    answer = post(client, f"{PAGE}/retry", f"{PAGE}?state=failed", state="failed", domain="a.example")
    assert ("domain=a.example" in answer.headers["Location"]) == is_said
    said = words_of(client.get(answer.headers["Location"]).text)
    assert "4 mails are tried again." in said and ("More of them are left" in said) == is_said
    assert states(app, Chosen(State.FAILED)) == older


def test_what_cannot_be_tried_again_is_not_asked_for_for_ever(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_mailing(ledger(app), *[REFUSED] * 3)
    with ledger(app).begin() as connection:
        connection.execute(delete(contents))
    answer = post(client, f"{PAGE}/retry", f"{PAGE}?state=failed", state="failed")
    assert "Nothing of that can be tried again" in client.get(answer.headers["Location"]).text
    assert "press once more" not in client.get(answer.headers["Location"]).text


def test_nothing_in_doubt_is_sent_again_by_a_filter(app: Flask, client: FlaskClient) -> None:
    a_mailing(ledger(app), IN_DOUBT, if_unknown="hold")
    page = f"{PAGE}?state=unknown"
    assert "Try again" not in client.get(page).text
    post(client, f"{PAGE}/retry", "/", state="unknown")
    assert states(app, Chosen(State.UNKNOWN)) == 1


def test_figures_are_bounded_and_say_so(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "WATCHED_LOOKED_AT", 3)
    a_mailing(ledger(app), *[REFUSED] * 5)
    shown = words_of(client.get(PAGE).text)
    assert "failed 3+" in shown and "Of the newest 3" in shown


def test_what_was_refused_long_ago_is_history_and_what_waits_is_not(app: Flask) -> None:
    long_ago = to_millis(datetime.now(UTC) - timedelta(days=8))
    a_mailing(ledger(app), {**REFUSED, "updated_at": long_ago}, {**IN_DOUBT, "updated_at": long_ago})
    assert states(app, Chosen(State.FAILED)) == 0
    assert states(app, Chosen(State.UNKNOWN)) == 1


@pytest.mark.parametrize("query", ["state=sent", "state=nonsense", "state=queued"])
def test_what_is_not_watched_is_not_found(client: FlaskClient, query: str) -> None:
    assert client.get(f"{PAGE}?{query}").status_code == 404


def test_strangers_see_and_move_nothing(app: Flask, client: FlaskClient, stranger: FlaskClient) -> None:
    a_mailing(ledger(app), REFUSED)
    assert stranger.get(PAGE).headers["Location"].startswith("/sign-in?")
    assert stranger.post(f"{PAGE}/retry", data={"state": "failed"}).status_code == 401
    assert client.post(f"{PAGE}/retry", data={"state": "failed"}).status_code == 400, "no token"
    assert states(app, Chosen(State.FAILED)) == 1
