"""Clock jumps: the ledger's times, moved when its clock was set or when it stood still.

What is to last for a while lasts for time that passed: nothing expires because somebody set the clock. One
that is set back would leave everything waiting for as long. After a jump ahead what is due comes early, and
may: a time that was written just after the jump is right, and cannot be told from one that was before.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    func,
    or_,
    select,
    true,
    type_coerce,
    update,
)

from mailroom.database.clock import now_millis
from mailroom.database.statement import Statement
from mailroom.ledger.batches import batches
from mailroom.ledger.mailings import staging
from mailroom.ledger.schema import batches as batches_table
from mailroom.ledger.schema import (
    deliveries,
    idempotency_keys,
    mailings,
    parked_sessions,
    servers,
    throttles,
    webhook_calls,
    webhook_endpoints,
)
from mailroom.ledger.states import MailingState

HALF_A_LEASE = now_millis() + bindparam("half_ms", type_=BigInteger)
RENEW_ALL_LEASES = Statement(
    update(batches_table).where(batches_table.c.lease_until < HALF_A_LEASE).values(lease_until=HALF_A_LEASE)
)
RENEW_ALL_STAGED = Statement(
    update(mailings)
    .where(staging.is_held, mailings.c.staged_until < HALF_A_LEASE)
    .values(staged_until=HALF_A_LEASE)
)


def renew_leases(connection: Connection) -> None:
    """Gives every owner half a lease to come back: who lives renews within a third of one.

    For after a gap in which nobody may have been able to write: a worker that could not
    renew its lease is not dead, and what it knows of its mails is not lost.
    """
    RENEW_ALL_LEASES.do(connection, half_ms=batches.LEASE_MS // 2)
    RENEW_ALL_STAGED.do(connection, half_ms=staging.STAGING_LEASE_MS // 2)


def set_back(connection: Connection, by_ms: int) -> None:
    """Moves what waits as far back as the clock was set; what people planned stays as it is."""
    _earlier(connection, batches_table, "lease_until", by_ms)
    _earlier(connection, batches_table, "enqueued_at", by_ms)
    _earlier(connection, servers, "closed_until", by_ms)
    _earlier(connection, mailings, "staged_until", by_ms, staging.is_staged)
    _earlier(connection, webhook_calls, "due_at", by_ms)
    _earlier(connection, webhook_endpoints, "paused_until", by_ms)
    _earlier(connection, parked_sessions, "noted_until", by_ms)
    _earlier(connection, throttles, "next_at", by_ms, per_ms=1_000)
    has_begun = (
        mailings.c.state.in_((MailingState.ACTIVE, MailingState.PAUSED, MailingState.CANCELED)),
        func.coalesce(mailings.c.send_at, now_millis()) <= now_millis() + by_ms,
    )
    chosen = select(mailings.c.id).where(*has_begun)
    waiting = update(deliveries).where(
        deliveries.c.due_at > now_millis(), deliveries.c.mailing_id.in_(chosen)
    )
    connection.execute(waiting.values(due_at=deliveries.c.due_at - by_ms))
    held = update(mailings).where(*has_begun, mailings.c.release_at.is_not(None))
    connection.execute(held.values(release_at=_millis(mailings.c.release_at) - by_ms))
    # A look too early does no harm.
    look = update(mailings).where(*has_begun, mailings.c.next_due_at.is_not(None))
    connection.execute(look.values(next_due_at=now_millis()))
    _expire_by(connection, -by_ms)


def set_ahead(connection: Connection, by_ms: int) -> None:
    """Lets all that would expire have the time that it had left, idempotency keys too."""
    _expire_by(connection, by_ms)
    made = idempotency_keys.c.created_at
    known = update(idempotency_keys).where(made <= now_millis() - by_ms)
    connection.execute(known.values(created_at=_millis(made) + by_ms))


def _expire_by(connection: Connection, by_ms: int) -> None:
    """Moves the end of what had not ended: before the clock was set, it would have said `by_ms` less."""
    before = now_millis() - by_ms
    begins = func.coalesce(_millis(mailings.c.send_at), 0) <= (now_millis() if by_ms > 0 else before)
    going = MailingState.STAGED, MailingState.SCHEDULED, MailingState.ACTIVE, MailingState.PAUSED
    waiting = webhook_calls.c.due_at.is_not(None)
    for table, made, chosen in (
        (mailings, mailings.c.created_at, mailings.c.state.in_(going) & begins),
        (webhook_calls, webhook_calls.c.at, waiting),
    ):
        ends = table.c.expires_at
        # What was made by the clock as it is now is right. After a jump ahead it has not ended.
        is_older = or_(made <= before, ends <= now_millis()) if by_ms > 0 else true()
        moved = update(table).where(chosen, ends > before, is_older)
        connection.execute(moved.values(expires_at=_millis(ends) + by_ms))


def _millis(column: ColumnElement[Any]) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)


def _earlier(
    connection: Connection,
    table: Table,
    name: str,
    by_ms: int,
    *which: ColumnElement[bool],
    per_ms: int = 1,
) -> None:
    column = table.c[name]
    later = update(table).where(column > now_millis() * per_ms, *which)
    connection.execute(later.values({name: column - by_ms * per_ms}))
