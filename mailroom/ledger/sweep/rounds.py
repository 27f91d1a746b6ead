"""Leader election: one sweeper at a time, how its last round went, and what a gap before it means."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, select, update

from mailroom.database.clock import now_millis
from mailroom.database.sql.upsert import insert_once
from mailroom.database.statement import Statement
from mailroom.ledger.schema import sweeper
from mailroom.ledger.sweep import clock_jump, uptimes

EVERY_MS = 1_000

GAP_MS = 5_000
"""After so long without a round nothing can be said of leases: maybe nobody could write."""


THE_ROUND = sweeper.c.id == 1
LOCK_ROUND = Statement(select(sweeper.c.swept_at, sweeper.c.set_ms).where(THE_ROUND).with_for_update())
TAKE_ROUND = Statement(
    update(sweeper)
    .where(THE_ROUND)
    .values(
        owner=bindparam("by_owner"),
        swept_at=bindparam("now", type_=BigInteger),
        set_ms=bindparam("set_by_ms", type_=BigInteger),
    )
)
NOTE_ROUND = Statement(
    update(sweeper)
    .where(THE_ROUND, sweeper.c.owner == bindparam("by_owner"))
    .values(round_ms=bindparam("took_ms", type_=BigInteger))
)


class SweepTurn(NamedTuple):
    """A round that may begin. `clock_set_ms`: how far the clock was set before it; 0 as nearly always."""

    clock_set_ms: int


def take(connection: Connection, owner: str) -> SweepTurn | None:
    """None when this round is not `owner`'s: one worker sweeps per second, whoever comes first.

    The first round after a gap, or after the clock was set, puts the ledger's times right.
    """
    before = LOCK_ROUND.one(connection)
    look = uptimes.look(connection)  # after the lock: so nobody looked later and was faster
    if before is None:
        insert_once(connection, sweeper, [{"id": 1, "owner": owner, "swept_at": 0, "round_ms": 0}])
        uptimes.note(connection, look, 0)
        return None
    swept_at, set_before_ms = before
    gap = look.now - swept_at
    if 0 <= gap < EVERY_MS * 9 // 10 or -GAP_MS < gap < 0:
        return None
    by = uptimes.set_by(connection, look, set_before_ms, GAP_MS) or (gap if gap <= -GAP_MS else 0)
    if by < 0:
        clock_jump.set_back(connection, -by)
    elif by > 0:
        clock_jump.set_ahead(connection, by)
    if abs(gap) >= GAP_MS:
        clock_jump.renew_leases(connection)
    set_ms = set_before_ms + by
    TAKE_ROUND.do(connection, by_owner=owner, now=look.now, set_by_ms=set_ms)
    uptimes.note(connection, look, set_ms)
    return SweepTurn(by)


def is_late(gap_ms: int | ColumnElement[int] | None = None) -> ColumnElement[bool]:
    """SQL: whether the present round stands still, so that what it saw may be long past. `gap_ms`: GAP_MS."""
    gap = GAP_MS if gap_ms is None else gap_ms
    late = select(sweeper.c.id).where(THE_ROUND, sweeper.c.swept_at < now_millis() - gap)
    return late.exists()


def took(connection: Connection, owner: str, milliseconds: int) -> None:
    NOTE_ROUND.do(connection, by_owner=owner, took_ms=milliseconds)
