"""Rescheduling: a mailing that waits for its time gets another one, or other sending hours."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from mailroom.content.schedule.sending_hours import SendingHours, sending_hours
from mailroom.ledger.mailings import planned
from mailroom.ledger.mailings.mailings import Mailing


def hours_of(mailing: Mailing) -> SendingHours | None:
    """Raises ValueError where they are of a zone that this machine does not know."""
    return None if mailing.hours is None else sending_hours(mailing.hours)


def reschedule(
    connection: Connection,
    mailing: Mailing,
    send_at: datetime | None,
    lasts: timedelta,
    hours: SendingHours | None,
    now: datetime,
) -> datetime | None:
    """When it begins or goes on: at `send_at`, or now if that is over, or when the next window opens then.

    `send_at` None: as it was to, or now if it is under way. `now`: by the ledger's clock. None:
    it does not wait for its time any more.
    """
    as_it_was = mailing.send_at if mailing.started_at is None else None
    start, closes_at = max(send_at or as_it_was or now, now), None
    if hours is not None:
        start, closes_at = hours.window(start)
    words = None if hours is None else str(hours)
    return start if planned.move(connection, mailing, start, lasts, words, closes_at) else None
