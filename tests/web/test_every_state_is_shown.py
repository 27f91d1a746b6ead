"""Each state has its row, which pages, stylesheet, API, metrics and docs read."""

from __future__ import annotations

import json
import re
import sqlite3
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, text

from mailroom.database.engine import Database
from mailroom.ledger.schema import TROUBLED, attempts, deliveries, mailings
from mailroom.ledger.states import COUNTED, MAILING_STATES, Event, LastEvent, MailingState, State
from mailroom.web.api.openapi import document
from mailroom.web.csv_export import DELIVERIES_CSV_HEADER
from tests.web.watching import a_mailing, delivery_ids, ledger

ROOT = Path(__file__).parents[2]
STYLES = (ROOT / "static" / "css" / "status.css").read_text()
TOKENS = (ROOT / "static" / "css" / "tokens.css").read_text()
DOCS = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("api", "webhooks", "reliability")}

TEMPLATES = ROOT / "templates"
ONLY_COLOURS = {"settings/page.html", "components/status.html"}
"""Badges of other things, in the colour of a state."""

each_state = pytest.mark.parametrize("state", State)


@pytest.mark.parametrize(
    "state", [*State, *MailingState], ids=lambda state: f"{type(state).__name__}-{state}"
)
def test_it_has_a_colour_and_a_sentence(state: State | MailingState) -> None:
    assert re.search(rf"\.state-{state.tone}[ ,]", STYLES), "no rule in status.css"
    assert f"--{state.tone}:" in TOKENS and f"--{state.tone}-soft:" in TOKENS, "no colour in tokens.css"
    assert state.sentence.endswith(".")


def test_nobody_shares_a_place() -> None:
    assert len({state.sentence for state in State}) == len(State)
    assert len({state.about.severity for state in State}) == len(State)
    assert len({state.about.in_bar for state in State}) == len(State)


@each_state
def test_a_page_shows_it_with_its_colour_and_its_sentence(
    app: Flask, client: FlaskClient, state: State
) -> None:
    mailing_id = a_mailing(ledger(app), {"state": state, "marked_at": 1}, {"state": "sent"})
    first, _ = delivery_ids(ledger(app), mailing_id)
    badge = f'<span class="badge state-{state.tone}" title="{state.sentence}">{state}</span>'
    for path in ("", f"?state={state}", f"/deliveries/{first}"):
        assert badge in unescape(client.get(f"/mailings/{mailing_id}{path}").text)
    assert f">{state}" in client.get("/mailings?q=person1").text
    line = client.get(f"/mailings/{mailing_id}/deliveries.csv").text.splitlines()[1]
    assert line.split(",")[DELIVERIES_CSV_HEADER.index("state")] == state.value


@pytest.mark.parametrize("state", MAILING_STATES)
def test_a_page_shows_a_mailing_s_too(app: Flask, client: FlaskClient, state: MailingState) -> None:
    mailing_id = a_mailing(ledger(app), {"state": "sent"}, state=state)
    badge = f'<span class="badge state-{state.tone}" title="{state.sentence}">{state}</span>'
    for path in ("/mailings", f"/mailings/{mailing_id}"):
        assert badge in unescape(client.get(path).text)


def test_what_a_mailing_may_be_told_is_on_its_page(app: Flask, client: FlaskClient) -> None:
    for state in MAILING_STATES:
        shown = client.get(f"/mailings/{a_mailing(ledger(app), {'state': 'queued'}, state=state)}").text
        offered = {action for action in ("pause", "resume", "cancel") if re.search(rf'/\d+/{action}"', shown)}
        assert offered == set(state.about.actions), state


def test_the_api_s_document_lists_them() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["DeliveryAnswer"]["properties"]["state"]["enum"] == [*State]
    assert schemas["MailingAnswer"]["properties"]["state"]["enum"] == [*MAILING_STATES]
    assert schemas["MailingAnswer"]["properties"]["counts"]["propertyNames"]["enum"] == [*State]
    assert schemas["EmailAnswer"]["properties"]["last_event"]["enum"] == [*LastEvent]
    (filtered,) = [
        parameter
        for parameter in document()["paths"]["/mailings/{id}/deliveries"]["get"]["parameters"]
        if parameter["name"] == "state"
    ]
    assert filtered["schema"]["enum"] == [*State]


def test_metrics_label_every_one_with_a_counter(app: Flask, client: FlaskClient) -> None:
    told = client.get("/metrics").text
    for state in COUNTED:
        assert f'mailroom_deliveries{{state="{state}"}} 0.0' in told
    for mailing_state in MAILING_STATES:
        assert f'mailroom_mailings{{state="{mailing_state}"}} 0.0' in told


def test_the_docs_name_them() -> None:
    for state in State:
        assert f"| `{state}` | {state.sentence} |" in DOCS["reliability"]
    for last_event in LastEvent:
        assert f"`{last_event}`" in DOCS["api"]
    for event in Event:
        assert f"| `{event}` |" in DOCS["webhooks"]
    of_states = {state.about.event for state in (*State, *MailingState)} - {None}
    assert of_states == set(Event) - {Event.DELIVERED, Event.COMPLAINED}, "these two are facts beside a state"
    beside = {LastEvent.SCHEDULED, LastEvent.COMPLAINED}
    assert {state.about.last_event for state in State} | beside == set(LastEvent)


def test_it_is_the_plain_word_wherever_it_is_written(database: Database) -> None:
    mailing_id = a_mailing(database, *({"state": state} for state in State))
    (first, *_) = delivery_ids(database, mailing_id)
    with database.begin() as connection:
        tried = {"delivery_id": first, "at": 1, "server": "", "stage": "", "reply": ""}
        connection.execute(insert(attempts), [{**tried, "outcome": state} for state in State])
        for sql in ("SELECT state FROM deliveries ORDER BY id", "SELECT outcome FROM attempts ORDER BY id"):
            raw = list(connection.exec_driver_sql(sql).scalars())
            assert raw == [state.value for state in State] and {type(word) for word in raw} == {str}
        found = connection.execute(select(deliveries.c.state).order_by(deliveries.c.id)).scalars().all()
        assert [type(one) for one in found] == [State] * len(State)
        assert connection.execute(select(mailings.c.state)).scalar_one() is MailingState.ACTIVE
        for state in State:  # as a parameter of the driver's own, too
            chosen = text("SELECT count(*) FROM deliveries WHERE state = :state")
            assert connection.execute(chosen, {"state": state}).scalar_one() == 1
    assert json.dumps({State.SENT: State.SENT}) == '{"sent": "sent"}'
    assert f"{State.SENT} {MailingState.DONE}" == "sent done"


def test_what_people_look_for_has_the_index_that_was_migrated(sqlite_url: str) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'ix_deliveries_troubled'"
        ).fetchone()
    assert sql.endswith(f"WHERE {TROUBLED}"), "planners compare text: a migration must make it anew"


def test_templates_name_no_state_of_a_delivery() -> None:
    """Each would have to be remembered when there is another one."""
    quoted = re.compile(rf"[\"'](?:{'|'.join(State)})[\"']")
    templates = {path.relative_to(TEMPLATES).as_posix(): path for path in TEMPLATES.rglob("*.html")}
    named = {name for name, path in templates.items() if quoted.search(path.read_text())}
    assert named == ONLY_COLOURS
