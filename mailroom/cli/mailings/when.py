"""Options of commands that say when mail goes: --at, --zone, --hours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from mailroom.content.schedule.sending_hours import SendingHours, sending_hours
from mailroom.content.schedule.zones import at_wall, end_of, zone_named

zone_option = click.option("--zone", default="", help="The time zone that times are meant in: Europe/Berlin.")
hours_option = click.option(
    "--hours", default="", help="Sending hours, like Mon-Fri 9:00-17:00: what would go outside of them waits."
)


def when_options(command: Callable[..., Any]) -> Callable[..., Any]:
    at = click.option("--at", default="", help='When to send, like "2026-12-01 09:00"; left out: now.')
    return at(zone_option(hours_option(command)))


def moment_of(at: str, zone: str) -> datetime | None:
    """Says on standard error what is meant, where the clocks change."""
    if not at.strip():
        return None
    try:
        wall = datetime.fromisoformat(at.strip())
    except ValueError:
        raise click.ClickException('--at: write it like "2026-12-01 09:00".') from None
    if wall.tzinfo is not None:
        return wall.astimezone(UTC)
    if not zone:
        raise click.ClickException(
            "--at needs --zone, such as Europe/Berlin; or write 2026-12-01T09:00+01:00."
        )
    try:
        moment, note = at_wall(wall, zone_named(zone))
    except (ValueError, OverflowError) as error:
        raise click.ClickException(f"--zone: {error}") from None
    if note:
        click.echo(note, err=True)
    return moment


def hours_of(hours: str, zone: str) -> SendingHours | None:
    try:
        return sending_hours(hours, zone) if hours.strip() else None
    except ValueError as error:
        raise click.ClickException(f"--hours: {error}") from None


def until_of(until: str, zone: str) -> datetime | None:
    """The end of a day, or a time of it. Raises ValueError for people."""
    return end_of(until, zone_named(zone))
