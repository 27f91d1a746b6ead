"""Time zones (IANA) by name, and wall-clock times in them, across changes of daylight saving.

One rule everywhere: a time that does not exist, because the clocks jump over it, is the moment at which they
jump; of one that exists twice, because they go back, the first is meant. So what is later on the wall is
never earlier in truth.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones


class WallTime(NamedTuple):
    """A time that was read from a clock on the wall. `note`: what is meant, where that is not plain."""

    moment: datetime  # UTC
    note: str = ""


@cache
def zone_names() -> tuple[str, ...]:
    """All that there are, as people write them: Europe/Berlin."""
    return tuple(sorted(known_zones()))


@cache
def known_zones() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if name[:1].isupper())


def zone_named(name: str) -> ZoneInfo:
    """Raises ValueError for people."""
    if name not in known_zones():  # an allow-list: a name is a path of the zones' files
        raise ValueError("There is no such time zone: write it like Europe/Berlin or America/New_York.")
    return ZoneInfo(name)


def at_wall(wall: datetime, zone: ZoneInfo) -> WallTime:
    """The moment at which clocks there show `wall`, which names no zone.

    Raises OverflowError at the ends of the calendar.
    """
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return WallTime(first)
    if first < second:
        which = f"the first is meant, in {short_name(first, zone)}"
        return WallTime(first, f"{wall:%H:%M} comes twice on that day, for the clocks go back: {which}.")
    jump = _jump(zone, second, first)
    to = f"{jump.astimezone(zone):%H:%M}"
    note = f"There is no {wall:%H:%M} on that day: the clocks jump over it, to {to}, and that is meant."
    return WallTime(jump, note)


def end_of(typed: str, zone: ZoneInfo) -> datetime | None:
    """The last moment of a day, or a time of one, as it is on the clocks there. None: nothing was typed.

    Raises ValueError for people.
    """
    words = typed.strip()
    try:
        if len(words) == len("2030-12-31"):
            return at_wall(datetime.fromisoformat(words + "T23:59:59"), zone).moment
        return at_wall(datetime.fromisoformat(words), zone).moment if words else None
    except (ValueError, OverflowError):
        raise ValueError("Write the last day like 2030-12-31.") from None


def _jump(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The moment between these at which the clocks jump ahead, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def short_name(moment: datetime, zone: ZoneInfo) -> str:
    """CET, CEST; of a zone that has no letters for it its whole name."""
    name = moment.astimezone(zone).tzname() or ""
    return name if name.isalpha() else zone.key
