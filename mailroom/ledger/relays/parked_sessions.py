"""Parked sessions, the ledger's side: what each worker says of the servers that keep it waiting.

For people and monitoring only: nothing is decided by it. What a worker said is forgotten
unless it says it again, as leases are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, or_, select

from mailroom.database.clock import now_millis
from mailroom.ledger.batches import batches
from mailroom.ledger.schema import parked_sessions


class ParkedSession(NamedTuple):
    """A session that waits for its server, in which stage of the dialogue, and for how many milliseconds."""

    server: str
    stage: str
    for_ms: int


class ParkedThere(NamedTuple):
    """How many sessions wait for a server in one stage, and the longest for how many milliseconds."""

    server: str
    stage: str
    sessions: int
    longest_ms: int


_OF_EACH = parked_sessions.c.server, parked_sessions.c.stage
COUNT_PARKED = (
    select(*_OF_EACH, func.count(), now_millis() - func.min(parked_sessions.c.since))
    .where(parked_sessions.c.noted_until > now_millis())
    .group_by(*_OF_EACH)
    .order_by(*_OF_EACH)
)


def note(connection: Connection, worker: str, found: Sequence[ParkedSession]) -> None:
    """Replaces what `worker` had noted; what the dead had is forgotten too."""
    now: int = connection.execute(select(now_millis())).scalar_one()
    old = or_(parked_sessions.c.worker == worker, parked_sessions.c.noted_until < now)
    connection.execute(delete(parked_sessions).where(old))
    rows = [
        {
            "worker": worker,
            "number": number,
            "server": one.server,
            "stage": one.stage,
            "since": now - one.for_ms,
            "noted_until": now + batches.LEASE_MS,
        }
        for number, one in enumerate(found, start=1)
    ]
    if rows:
        connection.execute(insert(parked_sessions), rows)


def present(connection: Connection) -> list[ParkedThere]:
    """Those of all workers, by server and stage."""
    return [ParkedThere(*row) for row in connection.execute(COUNT_PARKED)]
