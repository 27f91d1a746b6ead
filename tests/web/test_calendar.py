"""Calendar: what is to come in a month, on the clocks of whoever looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from mailroom.content.recipients.parsed import Recipient
from mailroom.content.schedule.repeat_rules import RepeatRule, repeat_rule
from mailroom.content.schedule.zones import zone_named
from mailroom.engine.accept.submission import Submission
from mailroom.engine.repeats import planning
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.ledger.people import users
from mailroom.ledger.schema import repeats as repeats_table
from mailroom.web.calendar import planned
from mailroom.web.calendar.month import Month, month_named
from tests.ledger.book import CONTENT
from tests.web.conftest import OWNER
from tests.web.watching import a_mailing, ledger

BERLIN = zone_named("Europe/Berlin")
MARCH = Month(2031, 3, BERLIN)


def keep(app: Flask, rule: str, times: int | None = None) -> None:
    plan = RepeatPlan(repeat_rule(rule), "Europe/Berlin", times=times)
    start = datetime(2031, 2, 1, tzinfo=UTC)
    submission = Submission(CONTENT, [Recipient("a@b.example")], send_at=start)
    planning.keep(ledger(app), submission, plan)


def entries(app: Flask) -> list[str]:
    with ledger(app).read() as connection:
        days = planned.of_month(connection, MARCH)
    return [f"{one.at.astimezone(BERLIN):%m-%d %H:%M}" for day in sorted(days) for one in days[day]]


def test_mailings_and_ticks_stand_on_their_days_of_the_reader_s_zone(app: Flask, client: FlaskClient) -> None:
    with ledger(app).begin() as connection:
        owner = users.by_email(connection, OWNER)
        assert owner is not None
        users.set_zone(connection, owner.id, "Europe/Berlin")
    at = datetime(2031, 3, 10, 23, 30, tzinfo=UTC)  # half past midnight in Berlin
    waits = a_mailing(ledger(app), {}, state="scheduled", send_at=at, hours="daily 00:00-20:00 Europe/Berlin")
    keep(app, "weekly mon 9")
    page = client.get("/calendar?month=2031-03").text
    day = page.partition('id="day-2031-03-11"')[2].partition('id="day-')[0]
    assert (
        f"/mailings/{waits}" in day and "00:30 CET" in day and "only daily 00:00-20:00 Europe/Berlin" in day
    )
    assert f"/mailings/{waits}/cancel" in day and "Change" in day
    monday = page.partition('id="day-2031-03-31"')[2].partition('id="day-')[0]
    assert "09:00 CEST" in monday and "a repeat" in monday and "/repeats/" in monday
    assert "month=2031-02" in page and "month=2031-04" in page
    assert "Nothing is planned" in client.get("/calendar?month=2030-01").text
    assert client.get("/calendar").status_code == 200


def test_ticks_follow_the_clocks_and_a_day_of_many_tells_the_first_few(app: Flask) -> None:
    keep(app, "daily 2:30")
    found = entries(app)
    assert found[0] == "02-24 02:30" and found[-1] == "04-06 02:30" and len(found) == 42
    assert "03-30 03:00" in found, "there is no 02:30 on that day"
    with ledger(app).begin() as connection:
        connection.execute(repeats_table.delete())
    keep(app, "cron */5 * * * *")
    found = entries(app)
    assert found[:4] == ["02-24 00:00", "02-24 00:05", "02-24 00:10", "02-25 00:00"] and len(found) == 42 * 3
    with ledger(app).read() as connection:
        days = planned.of_month(connection, MARCH)
    assert [one.more for one in next(iter(days.values()))] == [False, False, True]


def test_one_that_ends_is_there_as_often_as_it_ticks(app: Flask) -> None:
    keep(app, "daily 9", times=30)  # from the first of February on
    assert entries(app) == [f"02-{day} 09:00" for day in range(24, 29)] + ["03-01 09:00", "03-02 09:00"]
    with ledger(app).begin() as connection:
        connection.execute(update(repeats_table).values(state="paused"))
    assert entries(app) == []


def test_one_that_ends_after_thousands_of_ticks_is_not_counted_through(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(app, "cron */5 * * * *", times=8_170)  # from the first of February on, 288 a day
    computed = 0
    ticks = RepeatRule.ticks

    def counted(rule: RepeatRule, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        nonlocal computed
        for at in ticks(rule, after, zone):
            computed += 1
            yield at

    monkeypatch.setattr(RepeatRule, "ticks", counted)
    found = entries(app)
    assert found[:3] == ["02-24 00:00", "02-24 00:05", "02-24 00:10"]
    assert found[-4:] == ["02-28 00:10", "03-01 00:00", "03-01 00:05", "03-01 00:10"]
    assert computed < 30, "its last is on the first of March, at 09:45"


def test_sending_hours_of_what_is_under_way_end_in_it(app: Flask, client: FlaskClient) -> None:
    now = datetime.now(UTC)
    going = a_mailing(
        ledger(app), {}, started_at=now, hours="daily 09:00-17:00 UTC", closes_at=now + timedelta(minutes=1)
    )
    with ledger(app).read() as connection:
        month = Month(now.year, now.month, zone_named("UTC"))
        found = [one for day in planned.of_month(connection, month).values() for one in day]
    assert [(one.mailing.id, one.is_end) for one in found if one.mailing] == [(going, True)]
    assert "stops until its next sending hours" in client.get("/calendar").text


@pytest.mark.parametrize("month", ["", "2031", "2031-13", "2031-3", "1999-01", "2200-01", "x", "٢٠٣١-٠٣"])
def test_what_is_no_month_is_not_found(client: FlaskClient, month: str) -> None:
    assert client.get("/calendar", query_string={"month": month}).status_code == 404


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Pacific/Apia", "Australia/Lord_Howe"])
def test_months_follow_each_other_without_a_gap(zone: str) -> None:
    month = month_named("2011-01", zone_named(zone))
    for _ in range(24):
        assert month is not None
        days = [day for week in month.weeks for day in week]
        ends = [month.begins_at, *(month.end_of(day) for day in days)]
        assert all(one <= other for one, other in pairwise(ends)) and ends[-1] == month.ends_at
        month = month.beside(1)
