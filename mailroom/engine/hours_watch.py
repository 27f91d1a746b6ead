"""Sending hours of mailings under way: those whose window is over wait for the next one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog
from sqlalchemy import Connection

from mailroom.content.schedule.sending_hours import sending_hours
from mailroom.database.engine import Database
from mailroom.ledger.mailings import lifecycle, windows
from mailroom.ledger.mailings.windows import Closed

log = structlog.get_logger()

Apart = Callable[[], AbstractContextManager[None]]


def keep_hours(database: Database, most: int, apart: Apart) -> None:
    """Of `most` mailings at the most, each in a transaction of its own and `apart` from the others."""
    with database.read() as connection:
        closed = windows.closed(connection, most)
    for mailing in closed:
        with apart(), database.begin() as connection:
            _keep(connection, mailing)


def _keep(connection: Connection, mailing: Closed) -> None:
    try:
        window = sending_hours(mailing.hours).window(mailing.now)
    except ValueError as problem:  # of a zone that this machine's tables do not have, or not any more
        lifecycle.hold(
            connection, mailing.id, f"its sending hours ({mailing.hours}) cannot be read: {problem}"
        )
        return
    if windows.move_on(connection, mailing, *window) and window.opens_at > mailing.now:
        log.info(
            "a mailing waits for its sending hours", mailing=mailing.id, until=window.opens_at.isoformat()
        )
