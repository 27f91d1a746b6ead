"""Lifecycle of a mailing: it begins, is paused, resumed or canceled, and ends when nothing of it waits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, case, func, or_, select, update

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.sql import planner
from mailroom.database.sql.any_of import any_of
from mailroom.database.statement import Statement
from mailroom.database.telling import tell
from mailroom.ledger.mailings import canary, staging
from mailroom.ledger.mailings.mailings import IS_MAILING
from mailroom.ledger.schema import decisions, deliveries, mailings
from mailroom.ledger.states import TERMINAL, Action, MailingState, State, states_with
from mailroom.ledger.webhooks import webhook_events


def _either(condition: Any, yes: MailingState, no: MailingState) -> Any:
    return case((condition, yes.value), else_=no.value)


# Made once: to make a statement costs more than to execute it.
ACTIVATE_MAILING = (
    update(mailings)
    .where(IS_MAILING, staging.is_held)
    .values(
        staged_until=None,
        state=_either(mailings.c.send_at > now_millis(), MailingState.SCHEDULED, MailingState.ACTIVE),
        total=bindparam("with_total"),
        queued=bindparam("with_queued"),
        suppressed=bindparam("with_suppressed"),
        accept_ms=bindparam("with_accept_ms"),
        release_at=canary.begins_after(bindparam("with_wait_ms", type_=BigInteger)),
        next_due_at=case(
            (bindparam("with_queued", type_=BigInteger) > 0, func.coalesce(mailings.c.send_at, now_millis())),
            else_=None,
        ),
    )
    .returning(mailings.c.state)
)
MAY_END = (MailingState.SCHEDULED, MailingState.ACTIVE, MailingState.PAUSED, MailingState.CANCELED)
# Of some that are found by their ids, and not looked for among all that may end.
_state = planner.without_its_index(mailings.c.state, "''")
FINISH_MAILINGS = Statement(
    update(mailings)
    .where(
        any_of(mailings.c.id, "chosen"),
        mailings.c.ended_at.is_(None),
        or_(*(_state == state for state in MAY_END)),
        sum((mailings.c[state] for state in TERMINAL), mailings.c[State.UNKNOWN]) == mailings.c.total,
        ~select(deliveries.c.id)
        .where(deliveries.c.mailing_id == mailings.c.id, deliveries.c.due_at.is_not(None))
        .exists(),
        ~select(decisions.c.move).where(decisions.c.mailing_id == mailings.c.id).exists(),
    )
    .values(
        state=_either(mailings.c.state == MailingState.CANCELED, MailingState.CANCELED, MailingState.DONE),
        ended_at=now_millis(),
        next_due_at=None,
    )
    .returning(mailings.c.id)
)
AT = bindparam("at", type_=BigInteger)
LOOK_AT_LATEST = Statement(
    update(mailings)
    .where(IS_MAILING)
    .values(next_due_at=case((mailings.c.next_due_at <= AT, mailings.c.next_due_at), else_=AT))
)


def begin_not_before(connection: Connection, mailing_id: int, wait_ms: int) -> None:
    """Moves the start of a staged mailing on, so that it is so far from now at least."""
    earliest = now_millis() + wait_ms
    is_early = or_(mailings.c.send_at.is_(None), mailings.c.send_at < earliest)
    connection.execute(update(mailings).where(mailings.c.id == mailing_id, is_early).values(send_at=earliest))


def activate(
    connection: Connection,
    mailing_id: int,
    *,
    total: int,
    suppressed: int,
    accept_ms: int,
    wait_ms: int | None = None,
) -> MailingState | None:
    """Makes a staged mailing real: `scheduled` when its time is to come, else `active`.

    `wait_ms`: so long after its begin go those that are held back; None: when somebody lets them.
    None: it was given up, because its acceptance stood still for longer than its lease.
    """
    values = {
        "of_mailing": mailing_id,
        "with_total": total,
        "with_queued": total - suppressed,
        "with_suppressed": suppressed,
        "with_accept_ms": accept_ms,
        "with_wait_ms": wait_ms,
    }
    state: MailingState | None = connection.execute(ACTIVATE_MAILING, values).scalar_one_or_none()
    return state


def pause(connection: Connection, mailing_id: int) -> bool:
    """No further mail of it leaves; what is at its final dot still does. False: nothing to pause."""
    return _move(connection, mailing_id, "pause", state=MailingState.PAUSED)


def hold(connection: Connection, mailing_id: int, why: str) -> bool:
    """Pauses it until a person has seen `why`: what a server says of its sender, or to everybody."""
    return _move(connection, mailing_id, "pause", state=MailingState.PAUSED, held_for=why)


def trip(connection: Connection, mailing_id: int, why: str) -> bool:
    """The same for what comes back of it, once: whoever resumes it has seen that."""
    values = {"state": MailingState.PAUSED, "held_for": why, "tripped_for": why}
    return _move(connection, mailing_id, "pause", mailings.c.tripped_for.is_(None), **values)


def resume(connection: Connection, mailing_id: int) -> bool:
    """Goes on at once, or at its time if that is still to come."""
    later = mailings.c.send_at > now_millis()
    state = _either(later, MailingState.SCHEDULED, MailingState.ACTIVE)
    return _move(connection, mailing_id, "resume", state=state, expires_at=_not_expired_by_workers())


def _not_expired_by_workers() -> Any:
    """SQL: what workers paused has all of its time again."""
    given = mailings.c.expires_at - mailings.c.created_at
    is_short = mailings.c.held_for.is_not(None) & (mailings.c.expires_at < now_millis() + given)
    return case((is_short, now_millis() + given), else_=mailings.c.expires_at)


def cancel(connection: Connection, mailing_id: int) -> bool:
    """Stops it for good. The sweeper moves what was waiting; what is under way ends first."""
    # What is deferred until tonight is canceled now, not tonight.
    at_once = case((mailings.c.next_due_at.is_not(None), now_millis()))
    return _move(connection, mailing_id, "cancel", state=MailingState.CANCELED, next_due_at=at_once)


def finish(connection: Connection, mailing_ids: Iterable[int]) -> None:
    """Ends those mailings of which nothing waits any more.

    Counters leave out what is in a live batch, so their sum reaches the total only
    when no batch holds any of it. While a decision is carried out more may come.
    """
    chosen = sorted(set(mailing_ids))
    if chosen:
        found = FINISH_MAILINGS.later(connection, chosen=chosen)
        pipeline.afterwards(connection, lambda: _tell_ended(connection, [row[0] for row in found()]))


def _tell_ended(connection: Connection, ended: list[int]) -> None:
    webhook_events.note_mailings(connection, ended)
    if ended:
        tell(connection, "mailings have ended", mailings=ended)


def look_again(connection: Connection, mailing_id: int, at: int) -> None:
    """Tells the sweeper to look at this mailing at `at` (milliseconds), if not before.

    Writes even where nothing changes: that waits for a sweeper who gathers at this very
    moment and, not seeing our delivery yet, is about to note that nothing is due.
    """
    LOOK_AT_LATEST.do(connection, of_mailing=mailing_id, at=at)


def _move(
    connection: Connection, mailing_id: int, action: Action, *where: ColumnElement[bool], **values: Any
) -> bool:
    may_move = mailings.c.state.in_(states_with(action))
    statement = update(mailings).where(mailings.c.id == mailing_id, may_move, *where)
    moved = connection.execute(statement.values(**values)).rowcount == 1
    if moved:
        tell(connection, "a mailing is changed", mailing=mailing_id, action=action)
    return moved
