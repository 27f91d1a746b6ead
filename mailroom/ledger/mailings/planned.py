"""Planned mailings: those that wait for their time, and may be moved to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from mailroom.database.clock import to_millis
from mailroom.database.connection import pipeline
from mailroom.database.telling import tell
from mailroom.ledger import states
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.schema import deliveries, mailings


@dataclass(frozen=True, slots=True)
class PlannedMailing:
    """What is to come of a mailing: its begin, or that it goes on; or the end of its sending hours."""

    id: int
    subject: str
    total: int
    hours: str | None
    at: datetime
    has_begun: bool
    is_end: bool


def between(connection: Connection, since: datetime, until: datetime, limit: int) -> list[PlannedMailing]:
    """From `since` on, before `until`; each kind in its order, `limit` of each."""
    found: list[PlannedMailing] = []
    for at, state, is_end in (
        (mailings.c.send_at, states.SCHEDULED, False),
        (mailings.c.closes_at, states.ACTIVE, True),
    ):
        statement = (
            select(
                *(mailings.c[name] for name in ("id", "subject", "total", "hours")),
                at,
                mailings.c.started_at.is_not(None),
            )
            .where(mailings.c.state == state, mailings.c.ended_at.is_(None), at >= since, at < until)
            .order_by(at, mailings.c.id)
            .limit(limit)
        )
        rows = connection.execute(statement)
        found += [PlannedMailing(*row[:4], row[4], bool(row[5]), is_end) for row in rows]
    return found


def move(
    connection: Connection,
    mailing: Mailing,
    send_at: datetime,
    lasts: timedelta,
    hours: str | None = None,
    closes_at: datetime | None = None,
) -> bool:
    """Has a mailing that waits for its time begin, or go on, at `send_at`; it expires `lasts` later.

    `hours`, and when their window at that time is over: its own from now on. False: it does not wait any
    more.
    """
    waits = (mailings.c.id == mailing.id) & (mailings.c.state == states.SCHEDULED)
    moved = (
        update(mailings)
        .where(waits)
        .values(
            send_at=send_at, next_due_at=send_at, expires_at=send_at + lasts, hours=hours, closes_at=closes_at
        )
    )
    if connection.execute(moved).rowcount != 1:
        return False
    # Only of one that begins earlier than it was to: what is due before its mailing begins waits for that.
    late = (deliveries.c.mailing_id == mailing.id) & (deliveries.c.due_at > to_millis(send_at))
    if mailing.started_at is None and mailing.send_at is not None and send_at < mailing.send_at:
        pipeline.do(connection, update(deliveries).where(late).values(due_at=to_millis(send_at)))
    tell(connection, "a mailing is changed", mailing=mailing.id, action="schedule")
    return True
