from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from mailroom.database.engine import Database
from mailroom.ledger.mailings import mailings
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import MailingState

LETTER = {
    "sender": "Ann Lee <ann@example.org>",
    "recipients": "bob@example.org",
    "subject": "Hello",
    "text": "How are you? {{ unsubscribe_url }}",
}
Submit = Callable[..., TestResponse]


@pytest.fixture
def submit(client: FlaskClient, csrf: Callable[..., str]) -> Submit:
    token = csrf(client)
    return lambda **fields: client.post("/mailings", data={**LETTER, "csrf_token": token, **fields})


@pytest.fixture
def database(app: Flask) -> Database:
    found: Database = app.extensions["mailroom"].database
    return found


def accepted(database: Database, answer: TestResponse) -> mailings.Mailing:
    assert answer.status_code == 303, answer.text
    with database.read() as connection:
        found = mailings.get(connection, int(answer.location.rpartition("/")[2]))
    assert found is not None
    return found


def wait_of(mailing: mailings.Mailing) -> float | None:
    return None if mailing.send_at is None else (mailing.send_at - mailing.created_at).total_seconds()


def test_our_own_form_waits_ten_seconds_for_bulk_mail_and_a_program_does_not(
    client: FlaskClient, submit: Submit, database: Database
) -> None:
    page = client.get("/").text
    assert re.search(r'name="undo"[^>]* value="10"|value="10"[^>]* name="undo"', page)
    assert re.search(r'name="undo_bulk_only" checked', page)
    as_sent = {"undo": "10", "undo_bulk_only": "on"}
    assert wait_of(accepted(database, submit(purpose="bulk", **as_sent))) == 10
    single = {"purpose": "transactional", "text": "How are you?"}
    assert wait_of(accepted(database, submit(**single, **as_sent))) is None
    assert wait_of(accepted(database, submit(**single, undo="7"))) == 7
    for none in ({}, {"undo": "0"}, {"undo": " "}):
        mailing = accepted(database, submit(purpose="bulk", **none))
        assert (wait_of(mailing), mailing.state) == (None, MailingState.ACTIVE)


@pytest.mark.parametrize("seconds", ["-1", "1.5", "3601", "ten", "٣", "9" * 5_000])
def test_a_wait_that_is_none_is_refused_at_its_field(submit: Submit, seconds: str) -> None:
    answer = submit(undo=seconds)
    assert answer.status_code == 422 and 'id="undo-wrong"' in answer.text


def test_the_page_shows_undo_while_there_is_time_and_says_what_became_of_it(
    client: FlaskClient, csrf: Callable[..., str], submit: Submit, database: Database
) -> None:
    answer = submit(undo="60")
    page = client.get(answer.location).text
    left = re.search(r"it begins\s+in (\d+) seconds", page)
    assert left and 50 <= int(left[1]) <= 60
    form = r'<form method="post"[^>]* action="([^"]+/cancel)"[^>]*>(?:(?!</form>).)*Undo'
    action = re.search(form, page, re.S)
    assert action, "Undo works without scripts"
    told = client.post(action[1], data={"csrf_token": csrf(client)}, follow_redirects=True).text
    assert "Taken back: nobody was mailed" in told and "Undo<" not in told
    assert accepted(database, answer).state is MailingState.CANCELED


def test_what_has_begun_is_canceled_and_not_called_taken_back(
    client: FlaskClient, csrf: Callable[..., str], submit: Submit, database: Database
) -> None:
    mailing = accepted(database, submit())
    with database.begin() as connection:
        begun = update(mailings_table).where(mailings_table.c.id == mailing.id)
        connection.execute(begun.values(started_at=mailing.created_at))
    page = client.get(f"/mailings/{mailing.id}").text
    assert "nobody is mailed yet" not in page.lower()
    told = client.post(
        f"/mailings/{mailing.id}/cancel", data={"csrf_token": csrf(client)}, follow_redirects=True
    )
    assert "What had not gone yet stays here" in unescape(told.text)


def test_a_mailing_for_next_week_has_cancel_and_no_seconds(client: FlaskClient, submit: Submit) -> None:
    when = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M")
    page: Any = client.get(submit(send_at=when, undo="10").location).text
    assert "it begins" not in page and "/cancel" in page
    assert '<div id="mailing-undo"></div>' in page, "what is empty takes no place"
