"""Sending hours and other times of mailings, by the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from mailroom.database.clock import now_millis
from mailroom.ledger.schema import api_keys, deliveries, mailings
from tests.api.conftest import Client
from tests.api.test_mailings_to_many import MAILING

HOURS = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00", "zone": "Asia/Tokyo"}


def change(client: Client, uid: str, **changes: Any) -> Any:
    return client.patch(f"/mailings/{uid}", json=changes)


def test_a_mailing_waits_for_its_hours_and_tells_them(client: Client) -> None:
    # A Saturday in Tokyo.
    sent = client.post(
        "/mailings", json={**MAILING, "sending_hours": HOURS, "scheduled_at": "2030-06-01T12:00:00Z"}
    )
    uid = sent.get_json()["id"]
    found = client.get(f"/mailings/{uid}").get_json()
    assert found["sending_hours"] == "Mon-Fri 09:00-17:00 Asia/Tokyo"
    assert found["scheduled_at"] == "2030-06-03T00:00:00.000+00:00"


def test_every_zone_that_the_document_offers_is_taken(light_client: Client) -> None:
    with light_client.database.begin() as connection:
        connection.execute(update(api_keys).values(rate="1000000/minute"))
    schemas = light_client.get("/openapi.json").get_json()["components"]["schemas"]
    offered = schemas["SendingHours"]["properties"]["zone"]["enum"]
    assert len(offered) > 400 and offered == schemas["Repeat"]["properties"]["zone"]["enum"]
    sent = light_client.post("/mailings", json={**MAILING, "scheduled_at": "2030-06-05T12:00:00Z"})
    for zone in offered:
        moved = change(light_client, sent.get_json()["id"], sending_hours={**HOURS, "zone": zone})
        assert (moved.status_code, moved.get_json().get("sending_hours")) == (
            200,
            f"Mon-Fri 09:00-17:00 {zone}",
        ), zone


def test_it_is_moved_and_its_hours_are_changed_and_lifted(client: Client) -> None:
    sent = client.post("/mailings", json={**MAILING, "scheduled_at": "2030-06-05T12:00:00Z"})
    uid = sent.get_json()["id"]
    assert change(client, uid, sending_hours=HOURS).get_json()["scheduled_at"].startswith("2030-06-06T00:00")
    moved = change(client, uid, scheduled_at="2030-06-04T01:30:00Z").get_json()
    assert moved["scheduled_at"].startswith("2030-06-04T01:30"), "a Tuesday morning in Tokyo"
    moved = change(client, uid, scheduled_at="2030-06-01T01:30:00Z", sending_hours=None).get_json()
    assert (moved["scheduled_at"], moved["sending_hours"]) == ("2030-06-01T01:30:00.000+00:00", None)
    with client.database.read() as connection:
        due = connection.execute(select(deliveries.c.due_at).distinct()).scalars().all()
        row = connection.execute(select(mailings.c.send_at, mailings.c.expires_at)).one()
    assert due == [round(datetime.fromisoformat(moved["scheduled_at"]).timestamp() * 1000)]
    assert row.expires_at - row.send_at == timedelta(hours=48)


def test_what_does_not_wait_any_more_is_not_moved(client: Client) -> None:
    uid = client.post("/mailings", json=MAILING).get_json()["id"]
    refused = change(client, uid, scheduled_at="in 1 hour")
    assert (refused.status_code, "it is active" in refused.get_json()["message"]) == (409, True)


def test_the_rest_of_one_that_waits_for_its_hours_can_go_at_once(client: Client) -> None:
    uid = client.post("/mailings", json={**MAILING, "scheduled_at": "in 2 days"}).get_json()["id"]
    with client.database.begin() as connection:
        connection.execute(update(mailings).values(hours="Mon 09:00-10:00 UTC", started_at=now_millis()))
    moved = change(client, uid, sending_hours=None).get_json()
    wait = datetime.fromisoformat(moved["scheduled_at"]) - datetime.fromisoformat(moved["created_at"])
    assert wait < timedelta(minutes=5)


def test_mistakes_are_told(light_client: Client) -> None:
    for wrong, told in (
        ({**HOURS, "zone": "Mars/Olympus"}, "no such time zone"),
        ({**HOURS, "from": "9"}, "`sending_hours.from`"),
        ({**HOURS, "days": []}, "`sending_hours.days`"),
        ({**HOURS, "days": ["someday"]}, "`sending_hours.days[0]`"),
        ("Mon-Fri 9-17", "`sending_hours`"),
    ):
        answer = light_client.post("/mailings", json={**MAILING, "sending_hours": wrong})
        assert answer.status_code == 422
        assert told in answer.get_json()["message"], answer.get_json()
