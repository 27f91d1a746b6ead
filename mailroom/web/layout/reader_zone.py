"""Time zone of whoever reads the page: the one that is kept of them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask, g

from mailroom.content.schedule.zones import known_zones, short_name, zone_named, zone_names

NO_ZONE_YET = "UTC"
"""Of a stranger, and of somebody whose browser runs no scripts and who has chosen none."""


def kept_zone() -> str:
    """Its name; nothing while none is kept, or none that this machine knows."""
    user = getattr(g, "user", None)
    return user.zone if user is not None and user.zone in known_zones() else ""


def reader_zone() -> ZoneInfo:
    return zone_named(kept_zone() or NO_ZONE_YET)


def local_time(moment: datetime, style: str = "short") -> str:
    """2026-11-23 10:30 CET, as the page is served; `exact`: 10:30:00.123 CET."""
    zone = reader_zone()
    local = moment.astimezone(zone)
    if style == "exact":
        return f"{local.time().isoformat('milliseconds')} {short_name(moment, zone)}"
    return f"{local:%Y-%m-%d %H:%M} {short_name(moment, zone)}"


def init_app(app: Flask) -> None:
    app.jinja_env.filters["local_time"] = local_time
    app.jinja_env.globals.update(kept_zone=kept_zone, zone_names=zone_names)
