"""Repeats: kept with what they send, listed, moved by people, and due at their ticks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, true, update

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.sql.newest_first import newest_first
from mailroom.database.statement import Statement
from mailroom.database.telling import tell
from mailroom.ledger.people.api_keys import ADMIN, ApiKey, is_valid_now
from mailroom.ledger.people.program_room import REPEATS_OF_PROGRAM, refuse_more
from mailroom.ledger.schema import repeat_drafts, repeats
from mailroom.ledger.states import RepeatAction, RepeatState

EVERY_REPEAT: ColumnElement[bool] = true()
"""What people who are signed in reach."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """One row of `repeats`."""

    id: int
    uid: str
    state: RepeatState
    user_id: int | None
    program_id: int | None
    sender: str
    subject: str
    total: int
    rule: str
    zone: str
    hours: str | None
    next_at: datetime | None
    ends_at: datetime | None
    times: int | None
    paused_for: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def actions(self) -> tuple[RepeatAction, ...]:
        return self.state.about.actions


FIND_REPEATS = select(*(repeats.c[name] for name in Repeat.__slots__))


def repeats_for(key: ApiKey) -> ColumnElement[bool]:
    """Row-level authorization: those that this key may see and change, as long as it is active."""
    mine = true() if key.may(ADMIN) else repeats.c.program_id == key.program
    return is_valid_now(key) & mine


def add(connection: Connection, submission: bytes, **values: Any) -> str:
    """A new one, active; its uid. `values`: of its columns. There is room for it: refuse_more_repeats()."""
    uid = str(uuid.uuid4())
    row = {
        **values,
        "uid": uid,
        "state": RepeatState.ACTIVE,
        "created_at": now_millis(),
        "updated_at": now_millis(),
    }
    repeat_id = connection.execute(insert(repeats).values(row).returning(repeats.c.id)).scalar_one()
    pipeline.do(connection, insert(repeat_drafts).values(repeat_id=repeat_id, draft=submission))
    tell(connection, "a repeat is made", repeat=repeat_id)
    return uid


def refuse_more_repeats(connection: Connection, program_id: int | None) -> None:
    """Raises ProgramIsFull."""
    if program_id is not None:
        may_tick = repeats.c.state.in_([RepeatState.ACTIVE, RepeatState.PAUSED])
        mine = select(repeats.c.id).where(repeats.c.program_id == program_id, may_tick)
        words = "repeats of one program are kept that have not ended. Cancel some."
        refuse_more(connection, mine, REPEATS_OF_PROGRAM, words)


def find(connection: Connection, uid: str, reach: ColumnElement[bool] = EVERY_REPEAT) -> Repeat | None:
    row = connection.execute(FIND_REPEATS.where(repeats.c.uid == uid, reach)).one_or_none()
    return None if row is None else Repeat(*row)


def get(connection: Connection, repeat_id: int) -> Repeat | None:
    row = connection.execute(FIND_REPEATS.where(repeats.c.id == repeat_id)).one_or_none()
    return None if row is None else Repeat(*row)


def page(
    connection: Connection,
    reach: ColumnElement[bool] = EVERY_REPEAT,
    *,
    limit: int,
    before_id: int | None = None,
) -> list[Repeat]:
    """The newest `limit` with an id below `before_id`."""
    rows = FIND_REPEATS.where(reach)
    found = newest_first(connection, rows, repeats.c.id, limit=limit, older_than=before_id)
    return [Repeat(*row) for row in found]


def submission_of(connection: Connection, repeat_id: int) -> bytes:
    kept = select(repeat_drafts.c.draft).where(repeat_drafts.c.repeat_id == repeat_id)
    return bytes(connection.execute(kept).scalar_one())


def submission_of_uid(connection: Connection, uid: str) -> bytes:
    """The same; b"": there is no such repeat."""
    kept = select(repeat_drafts.c.draft).join(repeats, repeats.c.id == repeat_drafts.c.repeat_id)
    return bytes(connection.execute(kept.where(repeats.c.uid == uid)).scalar_one_or_none() or b"")


def active(connection: Connection, limit: int) -> list[Repeat]:
    """Those with a tick to come, the next one first."""
    to_come = FIND_REPEATS.where(repeats.c.state == RepeatState.ACTIVE, repeats.c.next_at.is_not(None))
    return [Repeat(*row) for row in connection.execute(to_come.order_by(repeats.c.next_at).limit(limit))]


IS_DUE = (repeats.c.state == RepeatState.ACTIVE) & (repeats.c.next_at <= now_millis())


FIND_DUE_REPEAT = Statement(select(repeats.c.id).where(IS_DUE).limit(1))


def is_any_due(connection: Connection) -> bool:
    return FIND_DUE_REPEAT.one(connection) is not None


def due(connection: Connection, limit: int) -> list[Repeat]:
    """Those whose tick has come, those that waited longest first."""
    rows = connection.execute(FIND_REPEATS.where(IS_DUE).order_by(repeats.c.next_at).limit(limit))
    return [Repeat(*row) for row in rows]


def pause(connection: Connection, repeat: Repeat, why: str | None = None) -> bool:
    """It makes no mailing until somebody resumes it. `why`: it paused itself."""
    return _move(connection, repeat, "pause", {"state": RepeatState.PAUSED, "paused_for": why})


def resume(connection: Connection, repeat: Repeat, next_at: datetime | None) -> bool:
    """Goes on at `next_at`: what it did not do while it was paused it does not do later."""
    return _move(connection, repeat, "resume", _from(next_at))


def cancel(connection: Connection, repeat: Repeat) -> bool:
    """For good; mailings that it made go on."""
    return _move(connection, repeat, "cancel", {"state": RepeatState.CANCELED, "next_at": None})


def change(
    connection: Connection, repeat: Repeat, next_at: datetime | None, values: Mapping[str, Any]
) -> bool:
    """Another rule, zone, hours or end; a paused one stays so. Raises ProgramIsFull."""
    if repeat.state is RepeatState.ENDED and next_at is not None:
        refuse_more_repeats(connection, repeat.program_id)
    planned = {"next_at": next_at} if repeat.state is RepeatState.PAUSED else _from(next_at)
    return _move(connection, repeat, "change", {**values, **planned})


def _from(next_at: datetime | None) -> dict[str, Any]:
    state = RepeatState.ENDED if next_at is None else RepeatState.ACTIVE
    return {"state": state, "next_at": next_at, "paused_for": None}


def _move(connection: Connection, repeat: Repeat, action: RepeatAction, values: Mapping[str, Any]) -> bool:
    """False: it is in a state by now in which that cannot be done."""
    allowed = repeats.c.state.in_([state for state in RepeatState if action in state.about.actions])
    moved = (
        update(repeats).where(repeats.c.id == repeat.id, allowed).values(**values, updated_at=now_millis())
    )
    if connection.execute(moved).rowcount != 1:
        return False
    tell(connection, "a repeat is changed", repeat=repeat.id, action=action)
    return True
