"""Rules of repeats: how they are written, and their ticks across months and changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from mailroom.content.schedule.repeat_rules import MOST_DAYS_COUNTED, RepeatRule, repeat_rule
from mailroom.content.schedule.sending_hours import clock_time
from mailroom.content.schedule.zones import at_wall, zone_named
from tests.content.test_a_wall_time_means_one_moment import ZONES, moment
from tests.content.test_sending_hours import moments

times = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda at: f"{at[0]:02}:{at[1]:02}")
weekly = st.builds("weekly {} {}".format, st.sampled_from(["mon", "sun", "mon-fri", "sat,tue"]), times)
monthly = st.builds("monthly {} {}".format, st.integers(1, 31).map(str) | st.just("last"), times)
crons = st.sampled_from(
    ["*/20 2 * * *", "30 2 * * sun", "0 0 29 2 *", "15 */6 1,15 * *", "59 23 l * *", "0 9 * * mon#1"]
).map("cron {}".format)
rules = (weekly | monthly | crons | times.map("daily {}".format)).map(repeat_rule)
zones = st.sampled_from(ZONES).map(zone_named)


def ticks(written: str, after: str, number: int, zone: str = "Europe/Berlin") -> list[str]:
    found = islice(repeat_rule(written).ticks(moment(after), zone_named(zone)), number)
    return [at.astimezone(zone_named(zone)).isoformat(timespec="minutes") for at in found]


@pytest.mark.parametrize(
    ("written", "kept", "words"),
    [
        ("Weekly Monday 9", "weekly mon 09:00", "every Monday at 09:00"),
        ("weekly mon,thu,fri 9:30", "weekly mon,thu-fri 09:30", "every Monday, Thursday and Friday at 09:30"),
        ("daily 7:05", "daily 07:05", "every day at 07:05"),
        ("monthly 1 9", "monthly 1 09:00", "on day 1 of each month at 09:00"),
        ("monthly 31 9", "monthly last 09:00", "on the last day of each month at 09:00"),
        (
            "monthly 30 9",
            "monthly 30 09:00",
            "on day 30 of each month (of a shorter month on its last) at 09:00",
        ),
        ("cron  0 9 * * MON-FRI", "cron 0 9 * * mon-fri", "by cron: 0 9 * * mon-fri"),
    ],
)
def test_it_is_read_as_people_write_it(written: str, kept: str, words: str) -> None:
    rule = repeat_rule(written)
    assert (str(rule), rule.words) == (kept, words)
    assert str(repeat_rule(str(rule))) == kept


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("every now and then", "Write a rule like"),
        ("weekly someday 9", "is no day of the week"),
        ("weekly mon 25", "is no time of day"),
        ("monthly 32 9", "days from 1 to 31"),
        ("monthly 0 9", "days from 1 to 31"),
        ("cron 0 9 * *", "Write a rule like"),
        ("cron 61 9 * * *", "no rule of cron"),
        ("cron 0 0 30 2 *", "never comes"),
        ("cron r r * * *", "no rule of cron"),
        ("cron h h * * *", "no rule of cron"),
        ("cron @daily", "Write a rule like"),
        ("cron * * * * * *", "Write a rule like"),
        ("daily 9" + " " * 300, ""),
        ("cron " + "0," * 200 + "0 9 * * *", "Write a rule like"),
    ],
)
def test_what_is_none_is_told(written: str, told: str) -> None:
    if not told:
        assert str(repeat_rule(written)) == "daily 09:00"
        return
    with pytest.raises(ValueError, match=told):
        repeat_rule(written)


def test_a_month_without_that_day_has_its_last_day_instead() -> None:
    assert ticks("monthly 31 09:00", "2027-01-15T00:00Z", 3, "UTC") == [
        "2027-01-31T09:00+00:00",
        "2027-02-28T09:00+00:00",
        "2027-03-31T09:00+00:00",
    ]
    assert ticks("monthly 29 09:00", "2028-02-01T00:00Z", 1, "UTC") == ["2028-02-29T09:00+00:00"]


def test_the_wall_counts_where_the_clocks_change() -> None:
    assert ticks("daily 09:00", "2027-03-27T00:00Z", 2) == [
        "2027-03-27T09:00+01:00",
        "2027-03-28T09:00+02:00",
    ]
    assert ticks("daily 02:30", "2027-03-27T00:00Z", 3) == [
        "2027-03-27T02:30+01:00",
        "2027-03-28T03:00+02:00",  # there is no 02:30: when the clocks jump
        "2027-03-29T02:30+02:00",
    ]
    assert ticks("daily 02:30", "2026-10-24T12:00Z", 2) == [
        "2026-10-25T02:30+02:00",  # the first of two
        "2026-10-26T02:30+01:00",
    ]
    assert ticks("cron */30 2 * * *", "2026-10-24T22:00Z", 3) == [
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:30+02:00",  # each time on the wall once
        "2026-10-26T02:00+01:00",
    ]
    assert ticks("cron */30 2,3 * * *", "2027-03-28T00:00Z", 3) == [
        "2027-03-28T03:00+02:00",  # 02:00, 02:30 and 03:00 are one moment
        "2027-03-28T03:30+02:00",
        "2027-03-29T02:00+02:00",
    ]


@given(rules, zones, moments)
def test_ticks_come_one_after_the_other_and_each_is_the_next_of_the_one_before(
    rule: RepeatRule, zone: ZoneInfo, after: datetime
) -> None:
    found = list(islice(rule.ticks(after, zone), 4))
    assert len(found) == 4 and found[0] > after
    assert all(one < other for one, other in pairwise(found))
    for one, other in pairwise(found):
        assert next(rule.ticks(one, zone)) == other
    # Asked a moment before it, it is that one; so nothing is between.
    assert next(rule.ticks(found[0] - timedelta(milliseconds=1), zone)) == found[0]
    assert next(rule.ticks(after + (found[0] - after) / 2, zone)) == found[0]


@given(times, zones, moments)
def test_a_daily_rule_ticks_once_on_each_day_on_the_wall(at: str, zone: ZoneInfo, after: datetime) -> None:
    for tick in islice(repeat_rule(f"daily {at}").ticks(after, zone), 6):
        day = tick.astimezone(zone).date()
        # A whole day may be jumped over: then its tick is at the begin of the next.
        planned = [day + timedelta(days=number) for number in (-1, 0)]
        assert tick in [at_wall(datetime.combine(one, clock_time(at)), zone).moment for one in planned]


def test_a_rule_of_cron_is_read_once_however_many_ticks_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = repeat_rule("cron 1,2,3 1-23 1-31 * 0-6")
    monkeypatch.setattr(croniter, "expand", None)
    found = list(islice(rule.ticks(datetime(2026, 11, 29, tzinfo=UTC), ZoneInfo("Europe/Berlin")), 300))
    assert len(found) == 300 and found == sorted(set(found))


@given(rules, zones, moments, st.integers(1, 100))
def test_the_last_of_so_many_is_found_without_the_others(
    rule: RepeatRule, zone: ZoneInfo, after: datetime, number: int
) -> None:
    first, *_, last = [*islice(rule.ticks(after, zone), number)] * 2
    assert rule.last_of(first, number, zone, last) == last
    just_before = last - timedelta(microseconds=1)
    assert number == 1 or rule.last_of(first, number, zone, just_before) > just_before


@pytest.mark.parametrize("rule", ["weekly sat 23:30", "cron 0 0,23 * * *", "cron */7 * * * *", "daily 0:10"])
@pytest.mark.parametrize("zone", ["Nuuk", "Scoresbysund", "Santiago", "Havana"])
def test_the_last_is_found_where_the_clocks_change_at_midnight(rule: str, zone: str) -> None:
    there, began = ZoneInfo(f"America/{zone}"), datetime(2027, 1, 1, tzinfo=UTC)
    changes = [
        day
        for day in (began + timedelta(days=number) for number in range(365))
        if day.astimezone(there).utcoffset() != (day + timedelta(days=1)).astimezone(there).utcoffset()
    ]
    assert changes
    for change in changes:
        found = list(islice(repeat_rule(rule).ticks(change - timedelta(days=9), there), 40))
        for number in range(1, 41):
            last = repeat_rule(rule).last_of(found[0], number, there, found[-1])
            assert last == found[number - 1], (change, number)


def test_no_more_than_some_hundred_days_are_counted() -> None:
    first = datetime(2027, 1, 1, 9, tzinfo=UTC)
    last = repeat_rule("daily 9:00").last_of(first, 10_000, ZoneInfo("UTC"), datetime(2100, 1, 1, tzinfo=UTC))
    assert last == first + timedelta(days=MOST_DAYS_COUNTED)
    last = repeat_rule("monthly 1 9:00").last_of(first, 36, ZoneInfo("UTC"), datetime(2100, 1, 1, tzinfo=UTC))
    assert last == datetime(2029, 12, 1, 9, tzinfo=UTC)
