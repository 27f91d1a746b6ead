"""Leader election: one sweeper at a time, how its last round went, and what a gap before it means."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select, update

from mailroom.database import clock
from mailroom.database.clock import now_millis
from mailroom.database.upsert import insert_once
from mailroom.ledger.schema import sweeper
from mailroom.ledger.sweep import clock_jump

EVERY_MS = 1_000

GAP_MS = 5_000
"""After so long without a round nothing can be said of leases: maybe nobody could write."""


def take(connection: Connection, owner: str) -> bool:
    """Whether this round is `owner`'s: one worker sweeps per second, whoever comes first.

    The first round after a gap, or after the clock was set, puts the ledger's times right.
    """
    now = clock.now(connection)
    statement = select(sweeper.c.swept_at).where(sweeper.c.id == 1).with_for_update()
    before = connection.execute(statement).scalar_one_or_none()
    if before is None:
        insert_once(connection, sweeper, [{"id": 1, "owner": owner, "swept_at": 0, "round_ms": 0}])
        return False
    gap = now - before
    if 0 <= gap < EVERY_MS * 9 // 10 or -GAP_MS < gap < 0:
        return False
    if gap <= -GAP_MS:
        clock_jump.set_back(connection, -gap)
    if abs(gap) >= GAP_MS:
        clock_jump.renew_leases(connection)
    connection.execute(update(sweeper).where(sweeper.c.id == 1).values(owner=owner, swept_at=now))
    return True


def is_late() -> ColumnElement[bool]:
    """SQL: whether the present round stands still, so that what it saw may be long past."""
    late = select(sweeper.c.id).where(sweeper.c.id == 1, sweeper.c.swept_at < now_millis() - GAP_MS)
    return late.exists()


def took(connection: Connection, owner: str, milliseconds: int) -> None:
    done = update(sweeper).where(sweeper.c.id == 1, sweeper.c.owner == owner)
    connection.execute(done.values(round_ms=milliseconds))
