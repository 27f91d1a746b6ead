"""Sending hours: how they are written, and which moments are within them, across changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.content.schedule.sending_hours import SendingHours, sending_hours
from mailroom.content.schedule.zones import zone_named
from tests.content.test_a_wall_time_means_one_moment import ZONES, moment

moments = st.datetimes(
    datetime.fromisoformat("2009-01-01"), datetime.fromisoformat("2037-01-01"), timezones=st.just(UTC)
)
hours_of_day = st.times().map(lambda one: time(one.hour, one.minute))
all_hours = st.builds(
    SendingHours,
    st.frozensets(st.integers(0, 6), min_size=1),
    hours_of_day,
    hours_of_day,
    st.sampled_from(ZONES).map(zone_named),
)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Mon-Fri 9:00-17:00", "Mon-Fri 09:00-17:00 Europe/Berlin"),
        ("monday – friday  9–17", "Mon-Fri 09:00-17:00 Europe/Berlin"),
        ("Sat,Sun 10:00-12:30 America/New_York", "Sat-Sun 10:00-12:30 America/New_York"),
        ("Fri-Mon 22:00-6:00", "Mon,Fri-Sun 22:00-06:00 Europe/Berlin"),
        ("daily 8:00-24:00", "daily 08:00-24:00 Europe/Berlin"),
        ("Mon-Sun 0-24", "daily 00:00-24:00 Europe/Berlin"),
    ],
)
def test_they_are_read_as_people_write_them(written: str, read: str) -> None:
    hours = sending_hours(written, "Europe/Berlin")
    assert str(hours) == read
    assert sending_hours(read) == hours


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("always", "like Mon-Fri"),
        ("Foo-Fri 9-17", "“Foo” is no day"),
        ("Mon 9-25", "“25” is no time of day"),
        ("Mon 24:30-8", "no time of day"),
        ("Mon-Fri 9-17 Mars/Olympus", "no such time zone"),
        ("Mo 9-17", "no day of the week"),
        ("Mon 9-17" * 99, "like Mon-Fri"),
    ],
)
def test_what_is_none_is_told(written: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        sending_hours(written, "Europe/Berlin")
    with pytest.raises(ValueError, match="Say of which time zone"):
        sending_hours("Mon 9-17")


@pytest.mark.parametrize(
    ("hours", "asked", "opens", "closes"),
    [  # Friday evening, Monday morning; the clocks of Berlin went an hour on between them
        ("Mon-Fri 9-17", "2027-03-26T17:00+01:00", "2027-03-29T09:00+02:00", "2027-03-29T17:00+02:00"),
        ("Mon-Fri 9-17", "2027-03-26T16:59+01:00", "2027-03-26T16:59+01:00", "2027-03-26T17:00+01:00"),
        ("Sat 22-6", "2027-03-28T05:30+02:00", "2027-03-28T05:30+02:00", "2027-03-28T06:00+02:00"),
        # An hour that does not exist is no window; one that comes twice is as long as both.
        ("daily 2-3", "2027-03-27T12:00+01:00", "2027-03-29T02:00+02:00", "2027-03-29T03:00+02:00"),
        ("daily 2-3", "2026-10-24T12:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00"),
    ],
)
def test_windows_follow_the_clocks_on_the_wall(hours: str, asked: str, opens: str, closes: str) -> None:
    assert sending_hours(hours, "Europe/Berlin").window(moment(asked)) == (moment(opens), moment(closes))


@given(all_hours, moments)
def test_a_window_is_within_the_hours_and_nothing_between_is(hours: SendingHours, asked: datetime) -> None:
    opens, closes = hours.window(asked)
    assert asked <= opens < closes
    assert hours.window(opens) == (opens, closes)
    assert hours.is_open(closes - timedelta(milliseconds=1))
    if asked < opens:
        between = asked + (opens - asked) / 2
        assert not hours.is_open(between)
        wall = opens.astimezone(hours.zone)
        assert wall.weekday() in hours.days or wall.time() == time(0)
    assert sending_hours(str(hours)) == hours
