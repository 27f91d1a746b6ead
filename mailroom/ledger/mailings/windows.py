"""Windows of a mailing with sending hours: at their end it is scheduled for the next one, by itself.

The sweeper sees to it, so that nothing is asked when a mail is sent. It stands in `send_at` when the
mailing goes on, and nothing expires meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, or_, select, type_coerce, update

from mailroom.database.clock import from_millis, now_millis, to_millis
from mailroom.database.statement import Statement
from mailroom.database.telling import tell
from mailroom.ledger.schema import mailings
from mailroom.ledger.states import MailingState


class Closed(NamedTuple):
    """A mailing whose window is over. `now`: by the ledger's clock."""

    id: int
    hours: str
    closes_at: datetime
    now: datetime


def is_open() -> ColumnElement[bool]:
    """SQL, of a mailing: whether its window is not over, as it never is without sending hours."""
    return or_(mailings.c.closes_at.is_(None), mailings.c.closes_at > now_millis())


IS_GOING_ON = (mailings.c.state == MailingState.ACTIVE) & mailings.c.ended_at.is_(None)


FIND_CLOSED_WINDOWS = Statement(
    select(mailings.c.id, mailings.c.hours, mailings.c.closes_at, now_millis())
    .where(IS_GOING_ON, mailings.c.closes_at.is_not(None), mailings.c.closes_at <= now_millis())
    .order_by(mailings.c.closes_at)
    .limit(bindparam("at_most", type_=BigInteger))
)


def closed(connection: Connection, limit: int) -> list[Closed]:
    rows = FIND_CLOSED_WINDOWS.all(connection, at_most=limit)
    return [Closed(row[0], row[1], row[2], from_millis(row[3])) for row in rows]


def move_on(connection: Connection, mailing: Closed, opens_at: datetime, closes_at: datetime) -> bool:
    """Has it go on from `opens_at` to `closes_at`. False: somebody else did something with it."""
    values: dict[str, object] = {"closes_at": closes_at}
    is_later = opens_at > mailing.now
    if is_later:
        waits_ms = to_millis(opens_at) - to_millis(mailing.now)
        values |= {
            "state": MailingState.SCHEDULED,
            "send_at": opens_at,
            "next_due_at": opens_at,
            "expires_at": type_coerce(mailings.c.expires_at, BigInteger) + waits_ms,
        }
    seen = (mailings.c.id == mailing.id) & (mailings.c.closes_at == mailing.closes_at)
    if connection.execute(update(mailings).where(seen, IS_GOING_ON).values(**values)).rowcount != 1:
        return False
    if is_later:
        tell(connection, "a mailing waits for its sending hours", mailing=mailing.id)
    return True
