"""What ends waiting deliveries from outside a batch: cancel, expire, retry, confirm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, case, select, update

from mailroom.database.clock import now_millis, to_millis
from mailroom.database.engine import AnyRow
from mailroom.ledger import counts, mailings, states, webhooks
from mailroom.ledger.schema import TROUBLED, batches, deliveries
from mailroom.ledger.schema import mailings as mailings_table

AT_ONCE = 2_000
"""Deliveries a transaction: others who write to SQLite must not wait long."""

ENDED_AT_ONCE = 5_000


def end_due(connection: Connection, mailing_id: int, state: str, limit: int = ENDED_AT_ONCE) -> int:
    """Moves waiting deliveries of a canceled or expired mailing to that state, some at a time.

    What is `unknown` stays so, for good: it may have arrived. The mailing's row is locked
    first, as in gathering.gather.
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
        webhooks.note(connection, [row.id for row in rows if row.state != states.UNKNOWN])
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
    """Cancels one delivery, also in a batch under way. False: it is being sent, or over."""
    return _move_one(connection, delivery_id, CANCEL)


def retry_delivery(connection: Connection, delivery_id: int) -> bool:
    """Queues a delivery that ended without being sent. False: there is nothing to retry."""
    return _move_one(connection, delivery_id, RETRY)


def confirm_arrived(connection: Connection, delivery_id: int) -> bool:
    """A person says that an unknown one arrived."""
    return _move_one(connection, delivery_id, CONFIRM)


def send_again(connection: Connection, delivery_id: int) -> bool:
    """A person wants an unknown one sent once more, at the risk of a second copy."""
    return _move_one(connection, delivery_id, RESEND)


class Step(NamedTuple):
    """Some deliveries that were moved; `last_id`: those after it had no turn yet. None: these were all."""

    moved: int
    last_id: int | None


def step(connection: Connection, mailing_id: int, name: str, after_id: int) -> Step:
    """One of ALL for up to AT_ONCE deliveries after `after_id`, each of them at most once."""
    move, chosen = ALL[name]
    rows = _move(connection, mailing_id, move, chosen & (deliveries.c.id > after_id))
    return Step(len(rows), rows[-1].id if len(rows) == AT_ONCE else None)


class _Move(NamedTuple):
    before: tuple[str, ...]
    after: str
    is_due: bool  # at once; else it is at an end
    in_batch: bool  # may be taken out of a batch under way: its mark is refused then


CANCEL = _Move((states.QUEUED, states.DEFERRED), states.CANCELED, is_due=False, in_batch=True)
CONFIRM = _Move((states.UNKNOWN,), states.SENT, is_due=False, in_batch=True)
RESEND = _Move((states.UNKNOWN,), states.UNKNOWN, is_due=True, in_batch=False)
RETRY = _Move(
    (states.FAILED, states.CANCELED, states.EXPIRED, states.SUPPRESSED, states.DEFERRED),
    states.QUEUED,
    is_due=True,
    in_batch=False,
)
LIVE = select(batches.c.id).where(batches.c.id == deliveries.c.batch_id).exists()

# In the partial index's own words: planners compare text.
ALL_FAILED = TROUBLED & (deliveries.c.state == states.FAILED)
ALL_HELD = TROUBLED & (deliveries.c.state == states.UNKNOWN) & deliveries.c.due_at.is_(None) & ~LIVE
ALL = {"retry": (RETRY, ALL_FAILED), "confirm": (CONFIRM, ALL_HELD), "resend": (RESEND, ALL_HELD)}
"""What may be done with all of a mailing: what failed, and what nobody is about to send again."""


def _move_one(connection: Connection, delivery_id: int, move: _Move) -> bool:
    of = select(deliveries.c.mailing_id).where(deliveries.c.id == delivery_id)
    mailing_id = connection.execute(of).scalar_one_or_none()
    if mailing_id is None:
        return False
    return bool(_move(connection, mailing_id, move, deliveries.c.id == delivery_id))


def _move(
    connection: Connection, mailing_id: int, move: _Move, chosen: ColumnElement[bool]
) -> Sequence[AnyRow]:
    """Moves up to AT_ONCE deliveries of a mailing; its row is locked first, as in gathering.gather."""
    due_at = _lock(connection, mailing_id, to_reopen=move.is_due)
    if due_at is None:
        return []
    conditions = [deliveries.c.mailing_id == mailing_id, chosen, deliveries.c.state.in_(move.before)]
    if not move.in_batch:
        conditions.append(~LIVE)
    rows = connection.execute(
        select(deliveries.c.id, deliveries.c.state, LIVE.label("is_live"))
        .where(*conditions)
        .order_by(deliveries.c.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=deliveries)
    ).all()
    if not rows:
        return []
    values: dict[str, Any] = {"state": move.after, "batch_id": None, "updated_at": now_millis()}
    values |= {"due_at": due_at, "deaths": 0} if move.is_due else {"due_at": None}
    connection.execute(update(deliveries).where(deliveries.c.id.in_([row.id for row in rows])).values(values))
    # A mailing's counters leave out what is in a live batch.
    changes = counts.tally(((mailing_id, row.state) for row in rows if not row.is_live), -1)
    changes[mailing_id][move.after] += len(rows)
    counts.change(connection, changes)
    if move.is_due:
        _reopen(connection, mailing_id)
        mailings.look_again(connection, mailing_id, due_at)
    else:
        webhooks.note(connection, [row.id for row in rows])
    mailings.finish(connection, [mailing_id])
    return rows


def _lock(connection: Connection, mailing_id: int, *, to_reopen: bool) -> int | None:
    """When its mail may go: now, or when it begins.

    None: there is no such mailing, or it is just being canceled: reopened, all of it would go out.
    """
    row = connection.execute(
        select(mailings_table.c.state, mailings_table.c.ended_at, mailings_table.c.send_at, now_millis())
        .where(mailings_table.c.id == mailing_id)
        .with_for_update()
    ).one_or_none()
    if row is None or (to_reopen and row.state == states.CANCELED and row.ended_at is None):
        return None
    now: int = row[3]
    return max(now, to_millis(row.send_at)) if row.send_at else now


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
