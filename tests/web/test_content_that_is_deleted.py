"""A mailing whose content is deleted can be looked at everywhere, and is not sent again anywhere."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import contents, deliveries, mailings
from tests.web.watching import a_mailing, delivery_ids, ledger, post

GONE = "What this mailing said is not kept any more: nothing of it can be sent."


@pytest.fixture
def mailing_id(app: Flask) -> int:
    rows = [{"state": "failed"}, {"state": "unknown"}, {"state": "sent"}, {"state": "queued"}]
    mailing_id = a_mailing(ledger(app), *rows, kind="shared", if_unknown="hold")
    with ledger(app).begin() as connection:
        connection.execute(delete(contents))
    return mailing_id


def found(app: Flask) -> list[str]:
    with ledger(app).read() as connection:
        return list(connection.execute(select(deliveries.c.state).order_by(deliveries.c.id)).scalars())


def test_every_page_of_it_is_there(app: Flask, client: FlaskClient, mailing_id: int) -> None:
    page = f"/mailings/{mailing_id}"
    shown = client.get(page)
    assert shown.status_code == 200 and GONE in unescape(shown.text)
    offers = ("Retry failed", "Send all again", "Copy as new")
    assert [offer for offer in offers if offer in shown.text] == []
    assert "All arrived" in shown.text, "this sends nothing"
    for path in ("/mailings", f"{page}/progress", f"{page}/deliveries.csv", f"{page}/cancel"):
        assert client.get(path).status_code == 200
    assert client.get("/mailings?q=spring").status_code == 200
    for delivery_id in delivery_ids(ledger(app), mailing_id):
        one = client.get(f"{page}/deliveries/{delivery_id}")
        assert one.status_code == 200 and GONE in unescape(one.text)
        assert "Try again" not in one.text and "Send again" not in one.text


def test_a_copy_of_it_says_why_there_is_none(client: FlaskClient, mailing_id: int) -> None:
    answer = client.get(f"/?copy={mailing_id}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/mailings/{mailing_id}")
    assert GONE in unescape(client.get(f"/mailings/{mailing_id}").text)
    assert client.get("/?copy=99999").status_code == 404


@pytest.mark.parametrize(("place", "press"), [(0, "retry"), (1, "again")])
def test_one_is_refused(app: Flask, client: FlaskClient, mailing_id: int, place: int, press: str) -> None:
    before = found(app)
    one = f"/mailings/{mailing_id}/deliveries/{delivery_ids(ledger(app), mailing_id)[place]}"
    assert post(client, f"{one}/{press}", "/").status_code == 303
    assert unescape(client.get(one).text).count(GONE) == 2, "it stands there, and answers the button"
    assert found(app) == before


@pytest.mark.parametrize("press", ["retry", "unknown/again"])
def test_all_are_refused(app: Flask, client: FlaskClient, mailing_id: int, press: str) -> None:
    before, page = found(app), f"/mailings/{mailing_id}"
    assert post(client, f"{page}/{press}", "/").status_code == 303
    assert unescape(client.get(page).text).count(GONE) == 2
    assert found(app) == before


def test_programs_can_look_at_it(app: Flask, mailing_id: int) -> None:
    with ledger(app).begin() as connection:
        secret, _ = api_keys.add(connection, "a program", scopes=(api_keys.READ, api_keys.ADMIN))
        uid = connection.execute(select(mailings.c.uid)).scalar_one()
    client, headers = app.test_client(), {"Authorization": f"Bearer {secret}"}

    def get(path: str) -> Any:
        answer = client.get(f"/api/v1{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json

    email = get(f"/emails/{uid}")
    assert (email["html"], email["text"], email["tags"], email["reply_to"]) == (None, None, [], None)
    assert email["last_event"] == "failed"
    (listed,) = get("/emails")["data"]
    assert listed["subject"] == email["subject"]
    assert get(f"/mailings/{uid}")["counts"] == {"failed": 1, "unknown": 1, "sent": 1, "queued": 1}
    lines = client.get(f"/api/v1/mailings/{uid}/deliveries", headers=headers).text
    assert len(lines.splitlines()) == 4
