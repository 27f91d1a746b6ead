"""Staging lease: a large mailing is written in parts, and only for as long as its acceptance lives.

The acceptance renews its lease with every part. Once that ran out, whoever comes first may give the
mailing up: the sweeper, or the next submission with the same idempotency key. What was given up can
never become real, so a holder that was only slow finds out at its next part.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from mailroom.database.clock import now_millis
from mailroom.database.statement import Statement
from mailroom.ledger.schema import deliveries, idempotency_keys, mailings
from mailroom.ledger.states import MailingState

STAGING_LEASE_MS = 10_000
"""A part takes some tenths of a second. Who retries after a crash waits for so long at most."""

WITHOUT_LEASE_MS = 3_600_000
"""What an older Mailroom staged has no lease: after an hour it will never be finished."""

GIVEN_UP = 0
"""In `staged_until`, for good."""

DROPPED_AT_ONCE = 5_000

is_staged = mailings.c.state == MailingState.STAGED
is_held = and_(is_staged, mailings.c.staged_until > GIVEN_UP)


def is_abandoned() -> ColumnElement[bool]:
    """SQL: whether nobody finishes this staged mailing any more."""
    is_old = and_(mailings.c.staged_until.is_(None), mailings.c.created_at < now_millis() - WITHOUT_LEASE_MS)
    return and_(is_staged, or_(mailings.c.staged_until < now_millis(), is_old))


def renew(connection: Connection, mailing_id: int) -> bool:
    """Keeps it for another lease. False: it was given up; stop.

    A lease that ran out is renewed as well, until somebody comes.
    """
    held = update(mailings).where(mailings.c.id == mailing_id, is_held)
    return connection.execute(held.values(staged_until=now_millis() + STAGING_LEASE_MS)).rowcount == 1


def give_up(connection: Connection, mailing_id: int, *conditions: ColumnElement[bool]) -> bool:
    """Fences off an acceptance whose lease ran out; False when it came back in time."""
    abandoned = update(mailings).where(mailings.c.id == mailing_id, is_abandoned(), *conditions)
    return connection.execute(abandoned.values(staged_until=GIVEN_UP)).rowcount == 1


FIND_ABANDONED = Statement(select(mailings.c.id).where(is_abandoned()).limit(1))


def abandoned(connection: Connection) -> int | None:
    """A mailing that nobody finishes."""
    row = FIND_ABANDONED.one(connection)
    return None if row is None else int(row[0])


def drop(connection: Connection, mailing_id: int) -> bool:
    """Deletes some deliveries of a mailing that was given up, or with the last ones itself: then True."""
    some = select(deliveries.c.id).where(deliveries.c.mailing_id == mailing_id).limit(DROPPED_AT_ONCE)
    dropped = connection.execute(delete(deliveries).where(deliveries.c.id.in_(some))).rowcount
    if dropped == DROPPED_AT_ONCE:
        return False
    # Before the mailing, not by it: who takes a key over locks the two in this order.
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.mailing_id == mailing_id))
    given_up = mailings.c.staged_until == GIVEN_UP
    connection.execute(delete(mailings).where(mailings.c.id == mailing_id, is_staged, given_up))
    return True
