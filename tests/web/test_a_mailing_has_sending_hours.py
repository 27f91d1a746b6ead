"""Sending hours on pages: typed as people write them, shown while they hold; another time for a mailing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger.mailings import lifecycle, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.people import users
from tests.web.conftest import OWNER
from tests.web.watching import a_mailing, ledger

Csrf = Callable[..., str]
LETTER = {"sender": "a@b.example", "recipients": "c@d.example", "subject": "S", "text": "T"}


def in_berlin(app: Flask) -> None:
    with ledger(app).begin() as connection:
        owner = users.by_email(connection, OWNER)
        assert owner is not None
        users.set_zone(connection, owner.id, "Europe/Berlin")


def found(app: Flask, mailing_id: int) -> Mailing:
    with ledger(app).read() as connection:
        mailing = mailings.get(connection, mailing_id)
    assert mailing is not None
    return mailing


def test_hours_are_meant_in_the_person_s_zone(app: Flask, client: FlaskClient, csrf: Csrf) -> None:
    in_berlin(app)
    year = datetime.now(UTC).year + 1
    first_saturday = next(day for day in range(1, 8) if datetime(year, 5, day, tzinfo=UTC).weekday() == 5)
    at = f"{year}-05-0{first_saturday}T12:00"
    form = {**LETTER, "send_at": at, "hours": "mon-fri 9-17", "csrf_token": csrf(client)}
    answer = client.post("/mailings", data=form)
    assert answer.status_code == 303, answer.text
    mailing = found(app, int(answer.location.rpartition("/")[2]))
    assert mailing.hours == "Mon-Fri 09:00-17:00 Europe/Berlin"
    assert mailing.send_at == datetime(year, 5, first_saturday + 2, 7, 0, tzinfo=UTC)
    page = client.get(answer.location).text
    assert "It is sent Mon-Fri 09:00-17:00 Europe/Berlin only" in page
    assert "09:00 CEST" in page


def test_hours_that_are_none_are_told_at_their_field(client: FlaskClient, csrf: Csrf) -> None:
    answer = client.post("/mailings", data={**LETTER, "hours": "sometimes", "csrf_token": csrf(client)})
    assert answer.status_code == 422
    assert "Write days and hours like Mon-Fri 9:00-17:00." in answer.text
    assert 'value="sometimes"' in answer.text


def test_a_mailing_that_waits_is_moved_and_one_that_does_not_is_not(
    app: Flask, client: FlaskClient, csrf: Csrf
) -> None:
    in_berlin(app)
    now = datetime.now(UTC)
    mailing_id = a_mailing(ledger(app), {}, state="scheduled", send_at=now + timedelta(days=2))
    path = f"/mailings/{mailing_id}"
    assert "Change the time" in client.get(path).text

    def move(to: str) -> str:
        form = {"send_at": to, "csrf_token": csrf(client)}
        return client.post(f"{path}/schedule", data=form, follow_redirects=True).text

    assert "Not moved. That time is over" in move("2020-01-01T09:00")
    assert "Not moved. Write the time like" in move("tomorrow")
    at = f"{now.year + 1}-01-02T09:00" if now.month > 1 else f"{now.year}-07-02T09:00"
    assert f"It goes out {at.replace('T', ' ')} CE" in move(at)
    assert found(app, mailing_id).send_at == datetime.fromisoformat(at + "+01:00").astimezone(UTC)
    move("")
    moved = found(app, mailing_id).send_at
    assert moved is not None and abs(moved - datetime.now(UTC)) < timedelta(minutes=1)
    with ledger(app).begin() as connection:
        lifecycle.cancel(connection, mailing_id)
    assert "does not wait for its time any more" in move("")


def test_one_that_waits_for_its_hours_after_its_begin_has_no_undo(app: Flask, client: FlaskClient) -> None:
    now = datetime.now(UTC)
    mailing_id = a_mailing(
        ledger(app),
        {"state": "sent"},
        {},
        state="scheduled",
        send_at=now + timedelta(minutes=5),
        started_at=now - timedelta(hours=1),
        hours="daily 09:00-17:00 Europe/Berlin",
    )
    page = client.get(f"/mailings/{mailing_id}").text
    assert "Undo" not in page
    assert "the rest goes" in page and "goes on" in page
