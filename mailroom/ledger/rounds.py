"""Whose turn it is to sweep, and how the last round went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text, update

from mailroom.database import from_millis, now_millis
from mailroom.ledger.schema import sweeper

EVERY_MS = 1_000


@dataclass(frozen=True, slots=True)
class Round:
    """The last round: when it began, whose it was, how many milliseconds it took."""

    owner: str
    swept_at: datetime
    round_ms: int


def take(connection: Connection, owner: str) -> bool:
    """Whether this round is `owner`'s: one worker sweeps per second, whoever comes first."""
    statement = (
        update(sweeper)
        .where(sweeper.c.id == 1, sweeper.c.swept_at <= now_millis() - EVERY_MS * 9 // 10)
        .values(owner=owner, swept_at=now_millis())
    )
    if connection.execute(statement).rowcount == 1:
        return True
    first = (
        "INSERT INTO sweeper (id, owner, swept_at, round_ms) VALUES (1, :owner, 0, 0) ON CONFLICT DO NOTHING"
    )
    connection.execute(text(first), {"owner": owner})
    return False


def took(connection: Connection, owner: str, milliseconds: int) -> None:
    done = update(sweeper).where(sweeper.c.id == 1, sweeper.c.owner == owner)
    connection.execute(done.values(round_ms=milliseconds))


def last(connection: Connection) -> Round | None:
    row = connection.execute(select(sweeper)).one_or_none()
    return None if row is None else Round(row.owner, from_millis(row.swept_at), row.round_ms)
