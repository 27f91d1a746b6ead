"""The form's canary, and the button that lets the rest of a mailing go; without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mailroom.database.engine import Database
from mailroom.ledger.mailings import mailings

LETTER = {
    "sender": "Ann Lee <ann@example.org>",
    "recipients": "\n".join(f"p{number}@example.org" for number in range(200)),
    "subject": "Hello",
    "text": "How are you? {{ unsubscribe_url }}",
}
Submit = Callable[..., TestResponse]


@pytest.fixture
def submit(client: FlaskClient, csrf: Callable[..., str]) -> Submit:
    token = csrf(client)
    return lambda **fields: client.post("/mailings", data={**LETTER, "csrf_token": token, **fields})


def mailing_of(app: Flask, answer: TestResponse) -> mailings.Mailing:
    assert answer.status_code == 303, answer.text
    database: Database = app.extensions["mailroom"].database
    with database.read() as connection:
        found = mailings.get(connection, int(answer.location.rpartition("/")[2]))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("typed", "first"), [("", None), ("0", None), ("30", 30), ("1%", 2), ("0.2 %", 1), ("200", None)]
)
def test_the_form_says_how_many_go_first(app: Flask, submit: Submit, typed: str, first: int | None) -> None:
    assert mailing_of(app, submit(canary=typed, canary_minutes="")).canary == first


@pytest.mark.parametrize(
    ("field", "typed"),
    [("canary", typed) for typed in ("-1", "1.5", "ten", "100%", "٣", "%", "9" * 5_000)]
    + [("canary_minutes", typed) for typed in ("-1", "1441", "x")],
)
def test_what_is_none_is_refused_at_its_field(submit: Submit, field: str, typed: str) -> None:
    answer = submit(**{field: typed})
    assert answer.status_code == 422 and f'id="{field}-wrong"' in answer.text


def test_the_page_says_who_waits_and_lets_them_go(
    app: Flask, client: FlaskClient, csrf: Callable[..., str], submit: Submit
) -> None:
    clicked, timed = submit(canary="100"), submit(canary="1", canary_minutes="15")
    page = " ".join(client.get(clicked.location).text.split())
    assert "The first 100 go first; the rest when you let it go." in page
    mailing = mailing_of(app, timed)
    assert mailing.release_at is not None
    wait = mailing.release_at - mailing.created_at
    assert timedelta(minutes=15) <= wait < timedelta(minutes=16)
    assert "The first one goes first; the rest <time" in " ".join(client.get(timed.location).text.split())
    for location in (clicked.location, timed.location):
        form = r'<form method="post"[^>]* action="([^"]+/release)"[^>]*>(?:(?!</form>).)*Let the rest go'
        action = re.search(form, client.get(location).text, re.S)
        assert action
        told = client.post(action[1], data={"csrf_token": csrf(client)}, follow_redirects=True).text
        assert "The rest goes, too." in told and "Let the rest go" not in told
        again = client.post(action[1], data={"csrf_token": csrf(client)}, follow_redirects=True).text
        assert "nothing was changed" in again


def test_an_ordinary_mailing_says_nothing_of_it(client: FlaskClient, submit: Submit) -> None:
    page = client.get(submit().location).text
    assert "Let the rest go" not in page and "go first" not in page


def test_who_waits_has_no_time_at_which_they_are_due(app: Flask, client: FlaskClient, submit: Submit) -> None:
    mailing = mailing_of(app, submit(canary="1"))
    listed = client.get(f"/mailings/{mailing.id}").text
    last = re.findall(rf'href="(/mailings/{mailing.id}/deliveries/[0-9]+|/deliveries/[0-9]+)"', listed)[-1]
    assert "1969" not in listed and "1969" not in client.get(last).text
