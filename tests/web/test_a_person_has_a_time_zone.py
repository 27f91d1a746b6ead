"""Time zone of a person: kept, guessed once from the browser, and what they plan is planned in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mailroom.ledger.mailings import mailings
from tests.web.watching import ledger

Csrf = Callable[..., str]


def keep(client: FlaskClient, csrf: Csrf, zone: str, **more: str) -> TestResponse:
    return client.post("/settings/zone", data={"zone": zone, "csrf_token": csrf(client), **more})


def planned(app: Flask, client: FlaskClient, csrf: Csrf, at: str, **more: str) -> tuple[datetime | None, str]:
    """When a mailing for that time goes; and what its page says first."""
    form = {"sender": "a@b.example", "recipients": "c@d.example", "subject": "S", "text": "T", "send_at": at}
    answer = client.post("/mailings", data={**form, "csrf_token": csrf(client), **more})
    assert answer.status_code == 303, answer.text
    with ledger(app).read() as connection:
        mailing = mailings.get(connection, int(answer.location.rpartition("/")[2]))
    assert mailing is not None
    return mailing.send_at, client.get(answer.location).text


def test_a_guess_counts_once_and_a_choice_always(client: FlaskClient, csrf: Csrf) -> None:
    assert "data-keep-zone" in client.get("/").text, "the browser is asked"
    assert keep(client, csrf, "Asia/Tokyo", guess="1").status_code == 204
    assert 'data-zone="Asia/Tokyo"' in client.get("/").text
    assert keep(client, csrf, "Europe/Berlin", guess="1").status_code == 204
    assert 'data-zone="Asia/Tokyo"' in client.get("/settings").text
    assert keep(client, csrf, "Europe/Berlin").status_code == 303
    assert 'data-zone="Europe/Berlin"' in client.get("/mailings").text


def test_what_is_no_zone_is_refused_at_its_field(client: FlaskClient, csrf: Csrf) -> None:
    answer = keep(client, csrf, "Mars/Olympus")
    assert answer.status_code == 422
    assert "There is no such time zone" in answer.text
    assert keep(client, csrf, "Mars/Olympus", guess="1").status_code == 204
    assert "data-keep-zone" in client.get("/").text


def test_a_time_is_meant_in_the_zone_that_is_kept_whatever_the_browser_says(
    app: Flask, client: FlaskClient, csrf: Csrf
) -> None:
    year = datetime.now(UTC).year + 1
    at = f"{year}-01-15T09:00"
    moment, _ = planned(app, client, csrf, at, time_zone="Asia/Tokyo")
    assert moment == datetime(year, 1, 15, 0, 0, tzinfo=UTC), "none is kept: the browser's"
    keep(client, csrf, "Europe/Berlin")
    moment, page = planned(app, client, csrf, at, time_zone="Asia/Tokyo")
    assert moment == datetime(year, 1, 15, 8, 0, tzinfo=UTC)
    assert f"{year}-01-15 09:00 CET" in page


def test_where_the_clocks_change_it_says_what_is_meant(app: Flask, client: FlaskClient, csrf: Csrf) -> None:
    keep(client, csrf, "Europe/Berlin")
    now = datetime.now(UTC)
    # The last Sundays of March and October, the next ones.
    year = now.year + 1
    march, october = (max(day for day in range(25, 32) if date(year, m, day).weekday() == 6) for m in (3, 10))
    moment, page = planned(app, client, csrf, f"{year}-03-{march}T02:30")
    assert moment == datetime(year, 3, march, 1, 0, tzinfo=UTC)
    assert "There is no 02:30 on that day" in page
    moment, page = planned(app, client, csrf, f"{year}-10-{october}T02:30")
    assert moment == datetime(year, 10, october, 0, 30, tzinfo=UTC)
    assert "02:30 comes twice on that day" in page


def shown(page: str) -> str:
    found = re.search(r'name="shown_zone" value="([^"]*)"', page)
    assert found
    return found[1]


def test_a_page_that_is_open_while_the_zone_is_changed_means_the_one_that_it_showed(
    app: Flask, client: FlaskClient, csrf: Csrf
) -> None:
    keep(client, csrf, "Europe/Berlin")
    year = datetime.now(UTC).year + 1
    zone, berlin = shown(client.get("/").text), datetime(year, 1, 15, 8, 0, tzinfo=UTC)
    assert zone == "Europe/Berlin"
    keep(client, csrf, "Asia/Tokyo")
    typed = {"send_at": f"{year}-01-15T09:00", "hours": "Mon-Sun 9-17", "shown_zone": zone}
    refused = client.post("/mailings", data={**typed, "sender": "", "csrf_token": csrf(client)})
    assert refused.status_code == 422 and shown(refused.text) == "Europe/Berlin"
    assert "In the time zone Europe/Berlin" in refused.text, "it goes on with what it showed"
    moment, page = planned(app, client, csrf, typed.pop("send_at"), **typed)
    assert moment == berlin and "It is sent daily 09:00-17:00 Europe/Berlin only" in page
    path = client.get("/mailings").text
    number = re.search(r"/mailings/(\d+)", path)
    assert number and shown(client.get(number[0]).text) == "Asia/Tokyo"
    moved = {"send_at": f"{year}-01-15T16:30", "csrf_token": csrf(client)}
    half_past_four = berlin + timedelta(hours=7, minutes=30)
    for zone, at in (("Europe/Berlin", half_past_four), ("", berlin)):
        client.post(f"{number[0]}/schedule", data={**moved, "shown_zone": zone})
        with ledger(app).read() as connection:
            (mailing,) = mailings.page(connection, limit=1)
        assert mailing.send_at == at
