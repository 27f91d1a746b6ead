"""Actions on waiting deliveries from outside a batch: cancel, expire, retry, confirm."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, select, update

from mailroom.database.clock import now_millis, to_millis
from mailroom.database.connection import pipeline
from mailroom.database.together import Together
from mailroom.ledger import moves, picking
from mailroom.ledger.mailings import contents, lifecycle
from mailroom.ledger.moves import Move
from mailroom.ledger.picking import IS_IN_LIVE_BATCH, Picked
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import MailingState, State

MOVED_AT_ONCE = 2_000
"""Deliveries a transaction: others who write to SQLite must not wait long."""

ENDED_AT_ONCE = 5_000

ENDS = {move.after: move for move in (moves.STOP, moves.EXPIRE)}


class ContentGone(Exception):
    """What the mailing said is not kept any more. Its words are for people."""


def end_due(connection: Connection, mailing_id: int, state: State, limit: int = ENDED_AT_ONCE) -> int:
    """Moves waiting deliveries of a canceled or expired mailing to that state, some at a time.

    What is `unknown` stays so, for good: it may have arrived. The mailing's row is locked
    first, as in gather.gather.
    """
    move = ENDS[state]
    of_state = MailingState.CANCELED if move is moves.STOP else MailingState.ACTIVE
    ending = select(mailings_table.c.id).where(
        mailings_table.c.id == mailing_id, mailings_table.c.state == of_state
    )
    if connection.execute(ending.with_for_update()).one_or_none() is None:
        return 0
    due = (deliveries.c.mailing_id == mailing_id, deliveries.c.due_at.is_not(None))
    in_order = (deliveries.c.due_at, deliveries.c.id)  # as the index has them
    rows = picking.pick(connection, *due, order_by=in_order, limit=limit, skip_locked=True)
    step = moves.Step(move)
    moves.apply(connection, [(row, step) for row in rows])
    if len(rows) < limit:
        connection.execute(
            update(mailings_table).where(mailings_table.c.id == mailing_id).values(next_due_at=None)
        )
        lifecycle.finish(connection, [mailing_id])
    return len(rows)


def change(connection: Connection, delivery_id: int, move: Move, mailing_id: int | None = None) -> bool:
    """A person's move of one delivery. False: it is under way or over, or not of the mailing that is named,
    and nothing was changed.

    Raises ContentGone for a move that would send it.
    """
    if mailing_id is None:
        of = select(deliveries.c.mailing_id).where(deliveries.c.id == delivery_id)
        mailing_id = connection.execute(of).scalar_one_or_none()
    if mailing_id is None:
        return False
    return bool(_move(connection, mailing_id, move, deliveries.c.id == delivery_id))


class Portion(NamedTuple):
    """Some deliveries that were moved; `last_id`: those after it had no turn yet. None: these were all."""

    moved: int
    last_id: int | None


def change_some(connection: Connection, mailing_id: int, move: Move, after_id: int) -> Portion:
    """A move of ALL for up to MOVED_AT_ONCE deliveries after `after_id`, each of them at most once.

    Raises ContentGone, like `change`.
    """
    chosen = ALL[move]
    rows = _move(connection, mailing_id, move, chosen & (deliveries.c.id > after_id))
    return Portion(len(rows), rows[-1].id if len(rows) == MOVED_AT_ONCE else None)


def change_these(connection: Connection, mailing_id: int, move: Move, ids: Collection[int]) -> int:
    """A person's move of chosen deliveries of one mailing, MOVED_AT_ONCE at most: how many.

    Raises ContentGone, like `change`.
    """
    return len(_move(connection, mailing_id, move, deliveries.c.id.in_(list(ids))))


ALL_FAILED = deliveries.c.trouble == State.FAILED
ALL_HELD = (deliveries.c.trouble == State.UNKNOWN) & deliveries.c.due_at.is_(None) & ~IS_IN_LIVE_BATCH
ALL = {moves.RETRY: ALL_FAILED, moves.CONFIRM: ALL_HELD, moves.RESEND: ALL_HELD}
"""What may be done with all of a mailing: what failed, and what nobody is about to send again."""


def _move(connection: Connection, mailing_id: int, move: Move, chosen: ColumnElement[bool]) -> list[Picked]:
    """Moves up to MOVED_AT_ONCE deliveries of a mailing; its row is locked first, as in gather.gather.

    Only what ends may be taken out of a batch under way: its mark is refused then.
    """
    reads = Together(connection)  # in this order
    locked = reads.ask(_lock, mailing_id, to_reopen=move.goes_on)
    gone = reads.ask(contents.gone, mailing_id) if move.goes_on else None
    due_in_ms = locked()
    if due_in_ms is None:
        return []
    if gone is not None and (words := gone()):
        raise ContentGone(words)
    conditions = [deliveries.c.mailing_id == mailing_id, chosen, moves.may_make(move)]
    if move.goes_on:
        conditions.append(~IS_IN_LIVE_BATCH)
    rows = picking.pick(connection, *conditions, limit=MOVED_AT_ONCE, skip_locked=True)
    if not rows:
        return []
    step = moves.Step(move, due_in_ms, {"deaths": 0, "deaths_alone": 0}) if move.goes_on else moves.Step(move)
    if move.goes_on:
        _reopen(connection, mailing_id)
    return moves.apply(connection, [(row, step) for row in rows])


def _lock(connection: Connection, mailing_id: int, *, to_reopen: bool) -> int | None:
    """In how many milliseconds its mail may go: at once, or when it begins.

    None: there is no such mailing, or it is just being canceled: reopened, all of it would go out.
    """
    row = connection.execute(
        select(mailings_table.c.state, mailings_table.c.ended_at, mailings_table.c.send_at, now_millis())
        .where(mailings_table.c.id == mailing_id)
        .with_for_update()
    ).one_or_none()
    if row is None or (to_reopen and row.state is MailingState.CANCELED and row.ended_at is None):
        return None
    return max(0, to_millis(row.send_at) - row[3]) if row.send_at else 0


def _reopen(connection: Connection, mailing_id: int) -> None:
    """A mailing that had ended goes on, with at least a day to do it in."""
    day = 86_400_000
    later = case(
        (mailings_table.c.expires_at < now_millis() + day, now_millis() + day),
        else_=mailings_table.c.expires_at,
    )
    has_ended = mailings_table.c.state.in_((MailingState.DONE, MailingState.CANCELED))
    state = case((has_ended, MailingState.ACTIVE.value), else_=mailings_table.c.state)
    pipeline.do(
        connection,
        update(mailings_table)
        .where(mailings_table.c.id == mailing_id)
        .values(state=state, ended_at=None, expires_at=later),
    )
