"""Time zone of whoever reads the page: the one that is kept of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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


def reader_zone() -> ZoneInfo:
    return zone_named(kept_zone() or NO_ZONE_YET)


def local_time(moment: datetime, style: str = "short") -> str:
    """2026-11-23 10:30 CET, as the page is served; `exact`: 10:30:00.123 CET; `hour`: 10:30 CET."""
    zone = reader_zone()
    local = moment.astimezone(zone)
    if style == "exact":
        return f"{local.time().isoformat('milliseconds')} {short_name(moment, zone)}"
    return f"{local:{'%H:%M' if style == 'hour' else '%Y-%m-%d %H:%M'}} {short_name(moment, zone)}"


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


def wall_time(moment: datetime) -> str:
    """2026-11-23T10:30, as a field for a time wants it."""
    return f"{moment.astimezone(reader_zone()):%Y-%m-%dT%H:%M}"


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(local_time=local_time, wall_time=wall_time)
    app.jinja_env.globals.update(kept_zone=kept_zone, zone_names=zone_names)
