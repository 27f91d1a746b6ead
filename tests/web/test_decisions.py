"""A mailing under `hold`: "it arrived" and "send again" for all of its unknown mails."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger.deliveries import actions
from mailroom.ledger.mailings import mailings
from tests.web.watching import a_mailing, ledger, post


def held(app: Flask) -> int:
    rows = [{"state": "unknown"}, {"state": "unknown"}, {"state": "sent"}]
    return a_mailing(ledger(app), *rows, if_unknown="hold")


def counts(app: Flask, mailing_id: int) -> dict[str, int]:
    with ledger(app).read() as connection:
        mailing = mailings.get(connection, mailing_id)
    assert mailing is not None
    return {state: number for state, number in mailing.counts.items() if number}


def test_all_arrived(app: Flask, client: FlaskClient) -> None:
    mailing_id = held(app)
    page = f"/mailings/{mailing_id}"
    assert "Of 2 mails nobody knows whether they arrived" in client.get(page).text
    answer = post(client, f"{page}/unknown/arrived", page)
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    shown = client.get(page).text
    assert "2 mails are noted as arrived." in shown and "nobody knows" not in shown
    assert counts(app, mailing_id) == {"sent": 3}


def test_all_are_sent_again_once(app: Flask, client: FlaskClient) -> None:
    mailing_id = held(app)
    page = f"/mailings/{mailing_id}"
    assert post(client, f"{page}/unknown/again", page).status_code == 303
    assert "2 mails are sent once more, with the same Message-ID." in client.get(page).text
    post(client, f"{page}/unknown/again", page)
    assert "No mail of this mailing waits for your decision." in client.get(page).text
    assert counts(app, mailing_id) == {"sent": 1, "unknown": 2}


@pytest.mark.parametrize(
    ("button", "words"),
    [
        ("arrived", "All unknown mails are noted as arrived"),
        ("again", "All unknown mails are sent once more"),
    ],
)
def test_a_large_one_goes_on_by_itself_and_the_page_says_so(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, button: str, words: str
) -> None:
    monkeypatch.setattr(actions, "MOVED_AT_ONCE", 2)
    mailing_id = a_mailing(ledger(app), *[{"state": "unknown"}] * 5, if_unknown="hold")
    page = f"/mailings/{mailing_id}"
    post(client, f"{page}/unknown/{button}", page)
    shown = client.get(page).text
    assert words in shown and "2 so far" in shown and "data-moving" in shown
    assert "nobody knows whether" not in shown, "it is decided"


def test_many_failed_ones_are_tried_again_by_and_by(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOVED_AT_ONCE", 2)
    mailing_id = a_mailing(ledger(app), *[{"state": "failed"}] * 5)
    page = f"/mailings/{mailing_id}"
    assert "Retry failed" in client.get(page).text
    post(client, f"{page}/retry", page)
    shown = client.get(page).text
    assert "All of them are tried again." in shown
    assert "All failed mails are tried again" in shown and "2 so far" in shown
    assert "Retry failed" not in shown, "it is done already"
    assert counts(app, mailing_id) == {"queued": 2, "failed": 3}


def test_strangers_decide_nothing(app: Flask, client: FlaskClient, stranger: FlaskClient) -> None:
    mailing_id = held(app)
    assert stranger.post(f"/mailings/{mailing_id}/unknown/arrived").status_code in (400, 401)
    assert client.post(f"/mailings/{mailing_id}/unknown/arrived").status_code == 400, "no token"
    assert client.get("/mailings/999/unknown/arrived").status_code in (404, 405)
