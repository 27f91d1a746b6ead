"""Circuit breaker, the ledger's side: all workers leave a server alone while nothing can be sent there.

A row with failures means trouble. While it is closed (`closed_until`) nobody connects; then one worker at a
time tries, and the first mail that the server takes or answers heals it. When no mail waits, an
idle worker tries without one.

Trouble at MAIL or later is about us: the server lets us in and takes nothing. There only a mail that it
takes proves anything; the row then stays, without failures, and says when that was.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, bindparam, delete, select, update

from mailroom.database.clock import from_millis, now_millis
from mailroom.database.sql.upsert import insert_once
from mailroom.database.statement import Statement
from mailroom.database.telling import tell, without_addresses
from mailroom.ledger import states
from mailroom.ledger.schema import batches, deliveries, mailings, servers, sessions

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

LATEST_SESSIONS, BATCHES_NEAR = 50, 40
"""So many are looked at."""


ABOUT_US = ("mail", "rcpt", "data", "dot")
"""Stages of a trouble that a connection says nothing about."""


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

    @property
    def is_about_us(self) -> bool:
        """It lets us in, and refuses our mail whoever it is for."""
        return self.stage in ABOUT_US


FIND_ACCEPTED_AT = Statement(
    select(servers.c.updated_at).where(servers.c.server == bindparam("name"), servers.c.failures == 0)
)
FIND_CLOSED_FOR = Statement(
    select(servers.c.closed_until - now_millis()).where(
        servers.c.server == bindparam("name"), servers.c.failures > 0
    )
)
DELETE_SERVER_TROUBLE = Statement(
    delete(servers).where(
        servers.c.server == bindparam("name"),
        servers.c.failures > 0,
        and_(*(servers.c.stage != stage for stage in ABOUT_US)),
    )
)
NOTE_ACCEPTED = Statement(
    update(servers)
    .where(
        servers.c.server == bindparam("name"),
        servers.c.failures > 0,
        servers.c.updated_at <= now_millis() - bindparam("ago", type_=BigInteger),
    )
    .values(failures=0, updated_at=now_millis())
)


def admit(connection: Connection, server: str) -> Admission:
    """Asked before a batch is sent. Writes only when there is trouble."""
    wait = FIND_CLOSED_FOR.one(connection, name=server)
    if wait is None:
        return Admission(is_open=True)
    if wait[0] > 0:
        return Admission(is_open=False)
    is_due = servers.c.closed_until <= now_millis()
    mine = update(servers).where(servers.c.server == server, servers.c.failures > 0, is_due)
    tried = connection.execute(mine.values(closed_until=now_millis() + TRIAL_MS))
    return Admission(is_open=tried.rowcount == 1, is_trial=tried.rowcount == 1)


def try_without_mail(connection: Connection, server: str) -> bool:
    """Whether the caller, alone, may see if it is back: no mail has tried it since it might be."""
    since = servers.c.closed_until <= now_millis() - MAIL_FIRST_MS
    mine = update(servers).where(servers.c.server == server, servers.c.failures > 0, since)
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
    about = {"server": server, "stage": stage, "code": code, "reason": without_addresses(reply)}
    if insert_once(connection, servers, [first | {"closed_until": now + _pause(1, pause_ms)}]):
        tell(connection, "a mail server is in trouble", is_trouble=True, **about)
        return
    chosen = [servers.c.server == server]
    if not is_trial:
        chosen.append((servers.c.closed_until <= now) | (servers.c.failures == 0))
    before = connection.execute(
        select(servers.c.failures).where(*chosen).with_for_update()
    ).scalar_one_or_none()
    if before is None:
        return
    if before == 0:
        values["since"] = now
    word = "still" if before else "again"
    tell(connection, f"a mail server is in trouble {word}", is_trouble=True, **about)
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
    # Whose worker has ended its batch has no lease, for a moment; its session goes on with the next one. What
    # was claimed at about this time has a number near that of this batch.
    near = deliveries.c.batch_id.between(batch_id - BATCHES_NEAR, batch_id + BATCHES_NEAR)
    unclaimed = select(batches.c.id).where(batches.c.owner.is_(None))
    between_batches = (
        select(deliveries.c.id)
        .join(sessions, sessions.c.id == deliveries.c.session_id)
        .where(near, deliveries.c.batch_id.not_in(unclaimed), answered)
        .where(sessions.c.server == server, sessions.c.worker != owner)
    )
    latest = select(sessions).order_by(sessions.c.id.desc()).limit(LATEST_SESSIONS).subquery()
    opened = select(latest.c.id).where(
        latest.c.server == server,
        latest.c.worker != owner,
        latest.c.opened_at > now - ANSWERED_WITHIN_MS,
    )
    return any(
        connection.execute(found.limit(1)).one_or_none() is not None
        for found in (at_work, between_batches, opened)
    )


def healthy(connection: Connection, server: str, accepted_ms_ago: int | None = None) -> bool:
    """Opens it for everybody: the server does its work.

    `accepted_ms_ago`: when the last mail that it took was handed over; None: it took none. Where the
    trouble is about us, only a mail that was handed over since then ends it. False: nothing was ended.
    """
    if FIND_CLOSED_FOR.one(connection, name=server) is None:
        return False  # as after nearly every batch
    ended = 0
    if accepted_ms_ago is not None:
        ended = NOTE_ACCEPTED.run(connection, name=server, ago=accepted_ms_ago)
    ended += DELETE_SERVER_TROUBLE.run(connection, name=server)
    if ended:
        tell(connection, "a mail server is out of trouble", server=server)
    return ended > 0


def accepted_at(connection: Connection, server: str) -> int | None:
    """When the server took a mail again after its last trouble; milliseconds."""
    return accepted_later(connection, server)()


def accepted_later(connection: Connection, server: str) -> Callable[[], int | None]:
    """The same, to be had from what it returns."""
    found = FIND_ACCEPTED_AT.later(connection, name=server)
    return lambda: next((int(row[0]) for row in found()), None)


def reset(connection: Connection, server: str) -> bool:
    """A person says that it may be tried at once, as if nothing had been. False: it was in no trouble."""
    forgotten = delete(servers).where(servers.c.server == server, servers.c.failures > 0)
    return connection.execute(forgotten).rowcount == 1


def reset_when_idle(connection: Connection, server: str) -> bool:
    """Forgets what nobody can find out: its time is over, and no mail waits that could show more."""
    waits = select(mailings.c.id).where(mailings.c.state == states.ACTIVE, mailings.c.ended_at.is_(None))
    is_over = servers.c.closed_until <= now_millis() - MAIL_FIRST_MS
    forgotten = delete(servers).where(
        servers.c.server == server, servers.c.failures > 0, is_over, ~waits.exists()
    )
    return connection.execute(forgotten).rowcount == 1


def wait_ms(connection: Connection, server: str) -> int:
    """For how long nobody may use it."""
    wait = FIND_CLOSED_FOR.one(connection, name=server)
    return 0 if wait is None else max(0, int(wait[0]))


FIND_CLOSED_SERVERS = Statement(
    select(servers.c.server).where(servers.c.closed_until > now_millis(), servers.c.failures > 0)
)


def closed(connection: Connection) -> set[str]:
    """The servers that nobody may use at present."""
    return {server for (server,) in FIND_CLOSED_SERVERS.all(connection)}


def is_any_troubled() -> ColumnElement[bool]:
    return select(servers.c.server).where(servers.c.failures > 0).exists()


OF_TROUBLE = ("server", "failures", "stage", "code", "reply", "since", "closed_until")
FIND_TROUBLED = Statement(
    select(*(servers.c[name] for name in OF_TROUBLE)).where(servers.c.failures > 0).order_by(servers.c.server)
)


def troubled(connection: Connection, names: Collection[str] | None = None) -> list[ServerTrouble]:
    """Every server that cannot be used at present. `names`: of these only."""
    return [
        ServerTrouble(server, failures, stage, code, reply, from_millis(since), from_millis(closed_until))
        for server, failures, stage, code, reply, since, closed_until in FIND_TROUBLED.all(connection)
        if names is None or server in names
    ]
