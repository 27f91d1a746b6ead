"""Ticks of repeats: each makes one mailing at the most.

`take` writes a tick in the transaction that writes its mailing, under a key that is there once: whoever
comes second finds it. That of a mailing whose acceptance died goes with it, and is taken again. `advance`
follows, and is harmless when it is done twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, literal, null, select, true, update

from mailroom.database.clock import UtcTime, from_millis, now_millis, to_millis
from mailroom.database.sql.upsert import insert_once
from mailroom.ledger.mailings import staging
from mailroom.ledger.schema import mailings, repeat_ticks, repeats
from mailroom.ledger.states import MailingState, RepeatState


class TakenTick(Enum):
    """What came of taking a tick."""

    MINE = auto()
    MADE = auto()  # a mailing was made of it before, or it was let go
    UNDER_WAY = auto()  # somebody makes one at this moment
    NOT_DUE = auto()  # its repeat was paused, canceled or changed


@dataclass(frozen=True, slots=True)
class TickOutcome:
    """What became of one. `mailing_id` None: `why` says why there is none."""

    at: datetime
    mailing_id: int | None
    by_hand: bool
    why: str
    mailing_state: MailingState | None
    total: int | None


def take(
    connection: Connection, repeat_id: int, at: datetime, mailing_id: int, *, by_hand: bool
) -> TakenTick:
    """Takes it for this mailing, which is being written; its repeat is locked first."""
    chosen = select(repeats.c.state, repeats.c.next_at).where(repeats.c.id == repeat_id).with_for_update()
    row = connection.execute(chosen).one_or_none()
    if row is None or not _may_tick(row.state, row.next_at, at, by_hand):
        return TakenTick.NOT_DUE
    tick = {"repeat_id": repeat_id, "tick_at": to_millis(at), "mailing_id": mailing_id}
    if insert_once(connection, repeat_ticks, [{**tick, "by_hand": by_hand, "noted_at": now_millis()}]):
        return TakenTick.MINE
    return _take_over(connection, repeat_id, at, mailing_id)


def _may_tick(state: RepeatState, next_at: datetime | None, at: datetime, by_hand: bool) -> bool:
    if by_hand:
        return "send" in state.about.actions
    return state is RepeatState.ACTIVE and next_at is not None and next_at <= at


def _take_over(connection: Connection, repeat_id: int, at: datetime, mailing_id: int) -> TakenTick:
    """From an acceptance that died; nobody else changes that row, for the repeat is locked."""
    of_tick = (repeat_ticks.c.repeat_id == repeat_id) & (repeat_ticks.c.tick_at == to_millis(at))
    before = connection.execute(
        select(repeat_ticks.c.mailing_id, mailings.c.state, staging.is_abandoned())
        .outerjoin(mailings, mailings.c.id == repeat_ticks.c.mailing_id)
        .where(of_tick)
    ).one_or_none()
    if before is None:  # what died with its acceptance was cleared away just now
        return TakenTick.UNDER_WAY
    if before.state is not MailingState.STAGED:
        return TakenTick.MADE
    if not (before[2] and staging.give_up(connection, before.mailing_id)):
        return TakenTick.UNDER_WAY
    connection.execute(update(repeat_ticks).where(of_tick).values(mailing_id=mailing_id))
    return TakenTick.MINE


def let_go(connection: Connection, repeat_id: int, why: Mapping[datetime, str]) -> None:
    """Notes ticks that make no mailing, and why."""
    rows = [
        {
            "repeat_id": repeat_id,
            "tick_at": to_millis(at),
            "mailing_id": None,
            "by_hand": False,
            "why": words,
            "noted_at": now_millis(),
        }
        for at, words in why.items()
    ]
    insert_once(connection, repeat_ticks, rows)


def advance(
    connection: Connection, repeat_id: int, at: datetime, next_at: datetime | None, *, is_made: bool
) -> bool:
    """The tick `at` is over; `next_at` None: it was the last. False: that is noted, or it was changed."""
    left = repeats.c.times - int(is_made)
    is_last = true() if next_at is None else and_(repeats.c.times.is_not(None), left <= 0)
    ends = and_(is_last, repeats.c.state == RepeatState.ACTIVE)
    values: dict[str, Any] = {
        "next_at": case((is_last, null()), else_=literal(next_at, UtcTime())),
        "state": case((ends, RepeatState.ENDED.value), else_=repeats.c.state),
        "times": left,
    }
    over = (repeats.c.id == repeat_id) & (repeats.c.next_at <= at)
    return connection.execute(update(repeats).where(over).values(**values)).rowcount == 1


def of_repeat(
    connection: Connection, repeat_id: int, *, limit: int, before: datetime | None = None
) -> Sequence[TickOutcome]:
    """The newest first. Nothing of a mailing that is still being written."""
    return _outcomes(connection, repeat_ticks.c.repeat_id == repeat_id, limit, before)


def of_uid(connection: Connection, uid: str, *, limit: int) -> Sequence[TickOutcome]:
    """The same of the repeat of this name."""
    repeat_id = select(repeats.c.id).where(repeats.c.uid == uid).scalar_subquery()
    return _outcomes(connection, repeat_ticks.c.repeat_id == repeat_id, limit, None)


def _outcomes(
    connection: Connection, of: ColumnElement[bool], limit: int, before: datetime | None
) -> Sequence[TickOutcome]:
    is_told = mailings.c.state.is_(None) | (mailings.c.state != MailingState.STAGED)
    statement = (
        select(
            repeat_ticks.c.tick_at,
            repeat_ticks.c.mailing_id,
            repeat_ticks.c.by_hand,
            repeat_ticks.c.why,
            mailings.c.state,
            mailings.c.total,
        )
        .outerjoin(mailings, mailings.c.id == repeat_ticks.c.mailing_id)
        .where(of, is_told)
    )
    if before is not None:
        statement = statement.where(repeat_ticks.c.tick_at < to_millis(before))
    rows = connection.execute(statement.order_by(repeat_ticks.c.tick_at.desc()).limit(limit))
    return [TickOutcome(from_millis(row[0]), *row[1:]) for row in rows]
