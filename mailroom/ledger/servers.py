"""The circuit: workers leave a server alone, all of them, while nothing can be sent there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from mailroom.database import from_millis, now_millis
from mailroom.ledger.schema import servers

FIRST_PAUSE_MS = 5_000
LONGEST_PAUSE_MS = 300_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """A server that cannot be used, since when, and what it said."""

    server: str
    failures: int
    stage: str
    code: int | None
    reply: str
    since: datetime
    closed_until: datetime


def closed_for_ms(connection: Connection, server: str) -> int:
    """Milliseconds until it may be tried again; 0: now."""
    statement = select(servers.c.closed_until - now_millis()).where(servers.c.server == server)
    return max(0, connection.execute(statement).scalar_one_or_none() or 0)


def failed(connection: Connection, server: str, stage: str, code: int | None, reply: str) -> int:
    """Notes a failure to use it at all; the milliseconds for which it is left alone."""
    chosen = servers.c.server == server
    before = connection.execute(
        select(servers.c.failures).where(chosen).with_for_update()
    ).scalar_one_or_none()
    failures = (before or 0) + 1
    pause: int = min(FIRST_PAUSE_MS * 2 ** min(failures - 1, 10), LONGEST_PAUSE_MS)
    values = {
        "failures": failures,
        "closed_until": now_millis() + pause,
        "stage": stage,
        "code": code,
        "reply": reply,
        "updated_at": now_millis(),
    }
    if before is None:
        connection.execute(insert(servers).values(server=server, since=now_millis(), **values))
    else:
        connection.execute(update(servers).where(chosen).values(values))
    return pause


def healthy(connection: Connection, server: str) -> None:
    """Closes the circuit: mail went through."""
    connection.execute(delete(servers).where(servers.c.server == server))


def troubled(connection: Connection) -> list[Trouble]:
    """Every server that cannot be used at present."""
    rows = connection.execute(select(servers).order_by(servers.c.server))
    return [
        Trouble(
            row.server,
            row.failures,
            row.stage,
            row.code,
            row.reply,
            from_millis(row.since),
            from_millis(row.closed_until),
        )
        for row in rows
    ]
