"""Circuit breaker, the ledger's side: all workers leave a server alone while nothing can be sent there.

A row means trouble. While it is closed (`closed_until`) nobody connects; then one worker at a
time tries, and the first mail that the server takes or answers heals it. When no mail waits, an
idle worker tries without one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from mailroom.database.clock import from_millis, now_millis
from mailroom.database.statement import Statement
from mailroom.database.upsert import insert_once
from mailroom.ledger import states
from mailroom.ledger.schema import batches, deliveries, servers, sessions

FIRST_PAUSE_MS = 5_000
LONGEST_PAUSE_MS = 300_000

PAUSE_JITTER = 0.2
"""A pause is up to so much longer: the workers of several Mailrooms must not come in step."""

TRIAL_MS = 30_000
"""How long one worker may try on its own; it renews this with its lease."""

MAIL_FIRST_MS = 2_000
"""How long a server that may be tried again is left to the mail that waits for it."""

ANSWERED_WITHIN_MS = 5_000
HANDED_OVER_WITHIN_MS = 60_000
"""An answer that is so old, or a mail that waits so long for one, shows that a server serves somebody."""

LATEST_SESSIONS = 50


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a worker may use a server now; `is_trial`: as the only one, to see whether it is back."""

    is_open: bool
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class ServerTrouble:
    """A server that cannot be used, since when, and what it said."""

    server: str
    failures: int
    stage: str
    code: int | None
    reply: str
    since: datetime
    closed_until: datetime


FIND_CLOSED_FOR = Statement(
    select(servers.c.closed_until - now_millis()).where(servers.c.server == bindparam("name"))
)
DELETE_SERVER_TROUBLE = Statement(delete(servers).where(servers.c.server == bindparam("name")))


def admit(connection: Connection, server: str) -> Admission:
    """Asked before a batch is sent. Writes only when there is trouble."""
    wait = FIND_CLOSED_FOR.one(connection, name=server)
    if wait is None:
        return Admission(is_open=True)
    if wait[0] > 0:
        return Admission(is_open=False)
    mine = update(servers).where(servers.c.server == server, servers.c.closed_until <= now_millis())
    tried = connection.execute(mine.values(closed_until=now_millis() + TRIAL_MS))
    return Admission(is_open=tried.rowcount == 1, is_trial=tried.rowcount == 1)


def try_without_mail(connection: Connection, server: str) -> bool:
    """Whether the caller, alone, may see if it is back: no mail has tried it since it might be."""
    since = servers.c.closed_until <= now_millis() - MAIL_FIRST_MS
    mine = update(servers).where(servers.c.server == server, since)
    return connection.execute(mine.values(closed_until=now_millis() + TRIAL_MS)).rowcount == 1


def keep_trying(connection: Connection, server: str) -> None:
    """Keeps the others away while the one trial goes on."""
    longer = update(servers).where(servers.c.server == server)
    connection.execute(longer.values(closed_until=now_millis() + TRIAL_MS))


def not_tried(connection: Connection, server: str) -> None:
    """The one who was to try it had nothing to send after all: the next one tries."""
    chosen = update(servers).where(servers.c.server == server)
    connection.execute(chosen.values(closed_until=now_millis()))


def failed(
    connection: Connection,
    server: str,
    stage: str,
    code: int | None,
    reply: str,
    *,
    is_trial: bool = False,
    pause_ms: int | None = None,
) -> None:
    """Notes a failure to use it at all, and closes it; `pause_ms`: for how long, when it said so.

    Several workers fail at the same moment when a server goes: that is one failure.
    """
    now = connection.execute(select(now_millis())).scalar_one()
    values = {"stage": stage, "code": code, "reply": reply, "updated_at": now}
    first = {"server": server, "failures": 1, "since": now, **values}
    if insert_once(connection, servers, [first | {"closed_until": now + _pause(1, pause_ms)}]):
        return
    chosen = [servers.c.server == server]
    if not is_trial:
        chosen.append(servers.c.closed_until <= now)
    before = connection.execute(
        select(servers.c.failures).where(*chosen).with_for_update()
    ).scalar_one_or_none()
    if before is None:
        return
    connection.execute(
        update(servers)
        .where(servers.c.server == server)
        .values(failures=before + 1, closed_until=now + _pause(before + 1, pause_ms), **values)
    )


def _pause(failures: int, asked_ms: int | None) -> int:
    pause = asked_ms or min(FIRST_PAUSE_MS * 2 ** min(failures - 1, 10), LONGEST_PAUSE_MS)
    return round(pause * random.uniform(1, 1 + PAUSE_JITTER))


def serves_others(connection: Connection, server: str, route: str, batch_id: int, owner: str) -> bool:
    """Whether it has a session for another batch at this moment, and works for it."""
    now = now_millis()
    theirs = select(batches.c.id).where(
        batches.c.id != batch_id,
        batches.c.owner.is_not(None),
        batches.c.lease_until > now,
        batches.c.route == route,
    )
    answered = (deliveries.c.state == states.SENT) & (deliveries.c.updated_at > now - ANSWERED_WITHIN_MS)
    handed_over = (deliveries.c.state == states.SENDING) & (
        deliveries.c.marked_at > now - HANDED_OVER_WITHIN_MS
    )
    at_work = select(deliveries.c.id).where(deliveries.c.batch_id.in_(theirs), answered | handed_over)
    if connection.execute(at_work.limit(1)).one_or_none() is not None:
        return True
    latest = select(sessions).order_by(sessions.c.id.desc()).limit(LATEST_SESSIONS).subquery()
    opened = select(latest.c.id).where(
        latest.c.server == server,
        latest.c.worker != owner,
        latest.c.opened_at > now - ANSWERED_WITHIN_MS,
    )
    return connection.execute(opened.limit(1)).one_or_none() is not None


def healthy(connection: Connection, server: str) -> None:
    """Opens it for everybody: the server does its work."""
    DELETE_SERVER_TROUBLE.run(connection, name=server)


def closed(connection: Connection) -> set[str]:
    """The servers that nobody may use at present."""
    statement = select(servers.c.server).where(servers.c.closed_until > now_millis())
    return set(connection.execute(statement).scalars())


def troubled(connection: Connection) -> list[ServerTrouble]:
    """Every server that cannot be used at present."""
    rows = connection.execute(select(servers).order_by(servers.c.server))
    return [
        ServerTrouble(
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
