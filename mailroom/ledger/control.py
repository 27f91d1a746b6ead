"""What ends waiting deliveries from outside a batch: cancel, expire, retry, confirm."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, case, select, update

from mailroom.database import now_millis
from mailroom.ledger import counts, mailings, states
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table


def end_due(connection: Connection, mailing_id: int, state: str, limit: int = 5_000) -> int:
    """Moves waiting deliveries of a canceled or expired mailing to that state, some at a time.

    What is `unknown` stays so, for good: it may have arrived. The mailing's row is locked
    first, as in batches.gather.
    """
    of_state = states.CANCELED if state == states.CANCELED else states.ACTIVE
    ending = select(mailings_table.c.id).where(
        mailings_table.c.id == mailing_id, mailings_table.c.state == of_state
    )
    if connection.execute(ending.with_for_update()).one_or_none() is None:
        return 0
    some = (
        select(deliveries.c.id)
        .where(deliveries.c.mailing_id == mailing_id, deliveries.c.due_at.is_not(None))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(
        select(deliveries.c.id, deliveries.c.state).where(deliveries.c.id.in_(some))
    ).all()
    if rows:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_([row.id for row in rows]))
            .values(state=_unless_unknown(state), due_at=None, updated_at=now_millis())
        )
    changes = counts.tally(((mailing_id, row.state) for row in rows), -1)
    for row in rows:
        changes[mailing_id][row.state if row.state == states.UNKNOWN else state] += 1
    counts.change(connection, changes)
    if len(rows) < limit:
        connection.execute(
            update(mailings_table).where(mailings_table.c.id == mailing_id).values(next_due_at=None)
        )
        mailings.finish(connection, [mailing_id])
    return len(rows)


def _unless_unknown(state: str) -> Any:
    return case((deliveries.c.state == states.UNKNOWN, states.UNKNOWN), else_=state)


def cancel_delivery(connection: Connection, delivery_id: int) -> bool:
    """Cancels one delivery that waits outside a batch. False: it is under way or over."""
    return _set(connection, delivery_id, (states.QUEUED, states.DEFERRED), states.CANCELED, due=False)


def retry_delivery(connection: Connection, delivery_id: int) -> bool:
    """Queues a delivery that ended without being sent. False: there is nothing to retry."""
    before = (states.FAILED, states.CANCELED, states.EXPIRED, states.SUPPRESSED, states.DEFERRED)
    return _set(connection, delivery_id, before, states.QUEUED, due=True)


def confirm_arrived(connection: Connection, delivery_id: int) -> bool:
    """A person says that an unknown one arrived."""
    return _set(connection, delivery_id, (states.UNKNOWN,), states.SENT, due=False)


def send_again(connection: Connection, delivery_id: int) -> bool:
    """A person wants an unknown one sent once more, at the risk of a second copy."""
    return _set(connection, delivery_id, (states.UNKNOWN,), states.UNKNOWN, due=True)


def _set(connection: Connection, delivery_id: int, before: tuple[str, ...], after: str, *, due: bool) -> bool:
    row = connection.execute(
        select(deliveries.c.mailing_id, deliveries.c.state)
        .where(
            deliveries.c.id == delivery_id,
            deliveries.c.state.in_(before),
            deliveries.c.batch_id.is_(None),
        )
        .with_for_update()
    ).one_or_none()
    if row is None:
        return False
    values: dict[str, Any] = {"state": after, "due_at": None, "updated_at": now_millis()}
    if due:
        values |= {"due_at": now_millis(), "deaths": 0}
    changed = update(deliveries).where(deliveries.c.id == delivery_id).values(values)
    due_at = connection.execute(changed.returning(deliveries.c.due_at)).scalar_one()
    if row.state != after:
        counts.change(connection, {row.mailing_id: {row.state: -1, after: 1}})
    if due:
        _reopen(connection, row.mailing_id)
        mailings.look_again(connection, row.mailing_id, due_at)
    mailings.finish(connection, [row.mailing_id])
    return True


def _reopen(connection: Connection, mailing_id: int) -> None:
    """A mailing that had ended goes on, with at least a day to do it in."""
    day = 86_400_000
    later = case(
        (mailings_table.c.expires_at < now_millis() + day, now_millis() + day),
        else_=mailings_table.c.expires_at,
    )
    state = case(
        (mailings_table.c.state.in_((states.DONE, states.CANCELED)), states.ACTIVE),
        else_=mailings_table.c.state,
    )
    connection.execute(
        update(mailings_table)
        .where(mailings_table.c.id == mailing_id)
        .values(state=state, ended_at=None, expires_at=later)
    )
