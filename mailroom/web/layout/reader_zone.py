"""Time zone of whoever reads the page: the one that is kept of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Flask, g

from mailroom.content.schedule.zones import (
    WallTime,
    at_wall,
    known_zones,
    short_name,
    zone_named,
    zone_names,
)

FURTHEST = timedelta(days=366)
"""So far ahead mail can be planned."""

NO_ZONE_YET = "UTC"
"""Of a stranger, and of somebody whose browser runs no scripts and who has chosen none."""


def kept_zone() -> str:
    """Its name; nothing while none is kept, or none that this machine knows."""
    user = getattr(g, "user", None)
    return user.zone if user is not None and user.zone in known_zones() else ""


def shown_zone(named: str) -> str:
    """The zone that a form showed, as it `named` it; else the one that is kept. A page may stand open while
    another one is kept.
    """
    return named if named in zone_names() else kept_zone()


def reader_zone() -> ZoneInfo:
    return zone_named(kept_zone() or NO_ZONE_YET)


def local_time(moment: datetime, style: str = "short") -> str:
    """2026-11-23 10:30 CET, as the page is served; `exact`: 10:30:00.123 CET; `hour`: 10:30 CET."""
    zone = reader_zone()
    local = moment.astimezone(zone)
    name = short_name(local, zone)
    if style == "exact":
        return f"{local.time().isoformat('milliseconds')} {name}"
    day, time = local.isoformat(timespec="minutes")[: len("2026-11-23T10:30")].split("T")
    return f"{time} {name}" if style == "hour" else f"{day} {time} {name}"


def planned_time(typed: str, zone: ZoneInfo | None = None) -> WallTime | None:
    """What somebody typed as a time to come, on their clocks. None: nothing. Raises ValueError for people."""
    if not typed.strip():
        return None
    try:
        wall = datetime.fromisoformat(typed.strip())
        planned = WallTime(wall.astimezone(UTC)) if wall.tzinfo else at_wall(wall, zone or reader_zone())
    except (ValueError, OverflowError):
        raise ValueError("Write the time like 2030-01-31T09:30.") from None
    if planned.moment < datetime.now(UTC) - timedelta(minutes=1):
        raise ValueError("That time is over. Leave it empty to send now.")
    if planned.moment > datetime.now(UTC) + FURTHEST:
        raise ValueError("Choose a time within the next year.")
    return planned


class TimeField(NamedTuple):
    """What stands in a field for a time, and its type in HTML."""

    value: str
    type: str

    @property
    def step(self) -> str | None:
        """Or a browser takes no times but those of the same second as `value`."""
        return "any" if self.type == "datetime-local" else None


def time_field(time: str | datetime, shown: str = "") -> TimeField:
    """A moment, or what somebody typed, exactly, on the clocks of the zone that its form showed; else of
    whoever reads the page.

    As text with its offset while no zone of theirs is kept, and in an hour that their clocks show twice.
    """
    named = shown_zone(shown)
    try:
        moment = datetime.fromisoformat(time.strip()) if isinstance(time, str) else time
        if moment.tzinfo is None:
            return TimeField(_shortest(moment), "datetime-local")
        zone = zone_named(named or NO_ZONE_YET)
        wall = moment.astimezone(zone).replace(tzinfo=None)
        if named and at_wall(wall, zone).moment == moment:
            return TimeField(_shortest(wall), "datetime-local")
        return TimeField(_shortest(moment), "text")
    except (ValueError, OverflowError):
        return TimeField(str(time), "text" if time else "datetime-local")


def _shortest(time: datetime) -> str:
    """To the minute where that is all of it, or to the second; a browser reads no more than milliseconds."""
    exactly = "milliseconds" if time.microsecond else "seconds" if time.second else "minutes"
    return time.isoformat(timespec=exactly)


def in_zone(typed: str, zone: ZoneInfo) -> str:
    """What somebody typed as a time on the clocks there, with its offset: a moment for everybody."""
    try:
        wall = datetime.fromisoformat(typed.strip())
        return typed if wall.tzinfo else at_wall(wall, zone).moment.astimezone(zone).isoformat()
    except (ValueError, OverflowError):
        return typed


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(local_time=local_time, time_field=time_field)
    app.jinja_env.globals.update(kept_zone=kept_zone, shown_zone=shown_zone, zone_names=zone_names)
