"""Holding: mail is accepted and shown and none is sent, nor any webhook called, until a person lets go.

A row of the ledger says so, to all workers at once; MAILROOM_HOLD says it to the processes that have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, select

from mailroom.database.clock import from_millis, now_millis
from mailroom.database.sql.upsert import insert_once
from mailroom.database.statement import Statement
from mailroom.ledger.schema import holds

ONLY_ROW = 1
BY_SETTING = "MAILROOM_HOLD is set: sending starts when it is not, and the workers are started again"
AFTER_RESTORE = "this ledger was restored from a backup, and what it holds may have been sent since"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing is sent. `since`: None when a setting says so."""

    reason: str
    since: datetime | None = None

    @property
    def may_be_released(self) -> bool:
        """By a command, or on a page."""
        return self.since is not None


FIND_HOLD = Statement(select(holds.c.reason, holds.c.since))


def is_free() -> ColumnElement[bool]:
    """SQL: whether the ledger lets workers send."""
    return ~select(holds.c.id).exists()


def hold(connection: Connection, reason: str) -> bool:
    """Holds all sending; False when it is held already, for another reason perhaps."""
    return insert_once(connection, holds, [{"id": ONLY_ROW, "since": now_millis(), "reason": reason}]) == 1


def release(connection: Connection) -> bool:
    """Lets go. False: nothing was held by the ledger."""
    return connection.execute(delete(holds)).rowcount > 0


def present(connection: Connection, by_setting: bool = False) -> Hold | None:
    """The hold that there is, if any. `by_setting`: of whoever asks."""
    row = FIND_HOLD.one(connection)
    if row is not None:
        reason, since = row
        return Hold(reason, from_millis(since))
    return Hold(BY_SETTING) if by_setting else None
