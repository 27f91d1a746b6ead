"""Wall-clock times, where clocks change: one that does not exist, one that comes twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.content.schedule.zones import at_wall, zone_named, zone_names

# With jumps of an hour, half an hour, a day; in spring and in autumn; at midnight.
ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca"),
    *("Asia/Kathmandu", "Pacific/Apia", "Europe/Dublin", "America/Havana", "UTC"),
)
zones = st.sampled_from(ZONES).map(zone_named)
walls = st.datetimes(datetime.fromisoformat("2009-01-01"), datetime.fromisoformat("2037-12-31"))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_usual_time_is_meant_as_it_stands() -> None:
    found = at_wall(datetime.fromisoformat("2026-12-01T09:00"), zone_named("Europe/Berlin"))
    assert found == (moment("2026-12-01T09:00+01:00"), "")


@pytest.mark.parametrize(
    ("zone", "wall", "meant", "to"),
    [
        ("Europe/Berlin", "2027-03-28T02:30", "2027-03-28T03:00+02:00", "03:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:10", "2026-10-04T02:30+11:00", "02:30"),
        ("America/Havana", "2026-03-08T00:15", "2026-03-08T01:00-04:00", "01:00"),
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-31T00:00+14:00", "00:00"),
    ],
)
def test_one_that_does_not_exist_is_when_the_clocks_jump(zone: str, wall: str, meant: str, to: str) -> None:
    found = at_wall(datetime.fromisoformat(wall), zone_named(zone))
    assert found.moment == moment(meant)
    assert f"There is no {wall[-5:]}" in found.note and f"to {to}" in found.note


def test_of_one_that_comes_twice_the_first_is_meant() -> None:
    wall, zone = datetime.fromisoformat("2026-10-25T02:30"), zone_named("Europe/Berlin")
    found = at_wall(wall, zone)
    assert found.moment == moment("2026-10-25T02:30+02:00")
    assert "02:30 comes twice" in found.note and "first is meant, in CEST" in found.note


@given(zones, walls)
def test_what_it_means_is_shown_as_that_time_unless_it_says_otherwise(zone: object, wall: datetime) -> None:
    found = at_wall(wall, zone)  # type: ignore[arg-type]
    shown = found.moment.astimezone(zone).replace(tzinfo=None)  # type: ignore[arg-type]
    assert (shown == wall) == ("There is no" not in found.note)
    assert shown >= wall.replace(microsecond=0)


@given(zones, walls, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_what_is_later_on_the_wall_is_never_earlier_in_truth(
    zone: object, wall: datetime, more: timedelta
) -> None:
    assert at_wall(wall, zone).moment <= at_wall(wall + more, zone).moment  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["", "Europe", "../../etc/passwd", "Mars/Olympus", "europe/berlin", "x" * 999]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="There is no such time zone"):
        zone_named(name)


def test_all_that_are_offered_are_zones() -> None:
    assert {"Europe/Berlin", "UTC", "Asia/Tokyo"} <= set(zone_names())
    assert all(zone_named(name).key == name for name in zone_names())
