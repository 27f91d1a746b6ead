"""Rate limiter (GCRA), the ledger's side: one schedule a server, for all workers on all machines.

The generic cell rate algorithm: a row says when the next mail may leave (`next_at`) and how
far apart mails are (`interval_us`). Who wants to send moves `next_at` on, and waits for the
place that it took with no lock held. Time that nobody used is gone, so there is no burst
after a quiet hour: mails are one interval apart, always.

A server that asks us to slow down gets half the rate, at most once a second. When mail goes through
again the rate doubles every second, and where that would reach the rate that was refused, it rises by half
every five; once that has held for as long, it doubles again. Below one mail in five seconds, each that goes
through makes it four times as high. `updated_at` is when a server last changed the rate; 0: it is the one
that was set, `set_us`. Another setting ends what was learned under the one before. Without a rate there is
no row until a server asks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, delete, func, select, update

from mailroom.database.clock import now_millis
from mailroom.database.sql.upsert import insert_once
from mailroom.database.statement import Statement
from mailroom.ledger.schema import batches, throttles

SLOWEST_US = 60_000_000
"""A server that asks again and again still gets a mail a minute: else nobody would find out
that it takes mail again."""

FREE_US = 1_000
"""At a thousand mails a second nobody needs to wait any more, unless a rate is set."""

ONE_EVENT_MS = 1_000
"""Refusals within a second are one: they come from mails that left at the same speed."""

QUICK_STEP_MS = 1_000
STEP_MS = 5_000
"""How long mail must go through before a higher rate is tried: else, and near a rate that was refused."""

HARDLY_ANY_US = 5_000_000
"""So far apart, each mail that goes through is a proof by itself."""

NOW_US = now_millis() * 1000


@dataclass(frozen=True, slots=True)
class Places:
    """Leave for some mails, `interval_us` apart: the first `wait_us` from now, at `at_us` by the database."""

    at_us: int
    wait_us: int
    interval_us: int


@dataclass(frozen=True, slots=True)
class Present:
    """The rate that a server gets at present."""

    server: str
    interval_us: int
    is_slowed: bool

    @property
    def per_second(self) -> float:
        return 1_000_000 / self.interval_us

    def __str__(self) -> str:
        for name, seconds in (("second", 1), ("minute", 60), ("hour", 3600)):
            if (number := self.per_second * seconds) >= 1:
                return f"{number:.{0 if number >= 10 else 1}f}/{name}"
        return f"{self.per_second * 86_400:.1f}/day"


def set_rate(connection: Connection, server: str, interval_us: int | None) -> None:
    """Called by a worker that starts: the rate is what the settings say, None for no limit.

    The same rate again changes nothing, so that restarts never let a mail leave early.
    """
    chosen = throttles.c.name == server
    is_other = throttles.c.set_us.is_distinct_from(interval_us)
    if interval_us is None:
        connection.execute(delete(throttles).where(chosen, is_other | (throttles.c.updated_at == 0)))
        return
    values = {
        "name": server,
        "next_at": 0,
        "interval_us": interval_us,
        "updated_at": 0,
        "set_us": interval_us,
    }
    insert_once(connection, throttles, [values])
    _back_to(connection, interval_us, chosen, is_other)


def _back_to(connection: Connection, interval_us: int, *where: Any) -> bool:
    """Makes this the rate, as if no server had ever asked for another."""
    values = {"interval_us": interval_us, "set_us": interval_us, "refused_us": None, "updated_at": 0}
    changed = update(throttles).where(*where)
    return connection.execute(changed.values(next_at=_no_later(interval_us), **values)).rowcount == 1


def _no_later(interval: Any) -> Any:
    """SQL: a next mail that waits for no longer than this."""
    return case((throttles.c.next_at > NOW_US + interval, NOW_US + interval), else_=throttles.c.next_at)


def reset(connection: Connection, server: str) -> bool:
    """Forgets what the server asked for: a person knows better. False: it asked for nothing."""
    learned = throttles.c.name == server, throttles.c.updated_at > 0
    found = connection.execute(select(throttles.c.set_us).where(*learned)).one_or_none()
    if found is None:
        return False
    if found[0] is None:
        return connection.execute(delete(throttles).where(*learned)).rowcount == 1
    return _back_to(connection, found[0], *learned)


FIND_INTERVAL = Statement(select(throttles.c.interval_us).where(throttles.c.name == bindparam("server")))


def interval_us(connection: Connection, server: str) -> int | None:
    """The present spacing; None: no limit."""
    return interval_later(connection, server)()


def interval_later(connection: Connection, server: str) -> Callable[[], int | None]:
    """The same, to be had from what it returns."""
    found = FIND_INTERVAL.later(connection, server=server)
    return lambda: next((row[0] for row in found()), None)


def reserve(connection: Connection, server: str, number: int, within_ms: int) -> Places | None:
    """Takes the next `number` places, if the first of them is no more than `within_ms` away."""
    now = NOW_US
    later = case((throttles.c.next_at > now, throttles.c.next_at), else_=now)
    row = connection.execute(
        update(throttles)
        .where(throttles.c.name == server, throttles.c.next_at <= now + within_ms * 1000)
        .values(next_at=later + throttles.c.interval_us * number)
        .returning(throttles.c.next_at, throttles.c.interval_us, now)
    ).one_or_none()
    if row is None:
        return None
    first = row[0] - row[1] * number
    return Places(first, first - row[2], row[1])


def give_back(connection: Connection, server: str, places: Places, number: int, unused: int) -> None:
    """Returns the last `unused` of `number` places, unless somebody took later ones meanwhile."""
    behind = places.at_us + places.interval_us * number
    connection.execute(
        update(throttles)
        .where(throttles.c.name == server, throttles.c.next_at == behind)
        .values(next_at=behind - places.interval_us * unused)
    )


FIND_FAR = Statement(
    select(throttles.c.name).where(throttles.c.next_at > NOW_US + bindparam("beyond_us", type_=BigInteger))
)


def far(connection: Connection, beyond_ms: int) -> set[str]:
    """The servers that take their next mail only after so many milliseconds."""
    return {name for (name,) in FIND_FAR.all(connection, beyond_us=beyond_ms * 1000)}


def slow_down(connection: Connection, server: str, per_second: float) -> bool:
    """Halves the rate, or half of what this worker measured; False: that was done just now.

    The measured rate is one worker's: as many as have a batch are sending.
    """
    longer = case(
        (throttles.c.interval_us >= SLOWEST_US, throttles.c.interval_us),
        (throttles.c.interval_us * 2 > SLOWEST_US, SLOWEST_US),
        else_=throttles.c.interval_us * 2,
    )
    age = now_millis() - throttles.c.updated_at
    is_new = (age >= ONE_EVENT_MS) | (age < 0)  # below zero: the clock was set back
    due = update(throttles).where(throttles.c.name == server, is_new)
    values = {
        "interval_us": longer,
        "refused_us": throttles.c.interval_us,
        "next_at": _no_sooner(NOW_US + longer),
        "updated_at": now_millis(),
    }
    if connection.execute(due.values(values)).rowcount == 1:
        return True
    owners = select(func.count(batches.c.owner.distinct())).where(batches.c.owner.is_not(None))
    together = per_second * max(1, connection.execute(owners).scalar_one())
    first = min(SLOWEST_US, max(FREE_US, round(2_000_000 / together)))
    now = connection.execute(select(now_millis())).scalar_one()
    row = {"name": server, "next_at": now * 1000 + first, "interval_us": first, "updated_at": now}
    row["refused_us"] = first // 2
    return insert_once(connection, throttles, [row]) == 1


def _no_sooner(moment: Any) -> Any:
    return case((throttles.c.next_at > moment, throttles.c.next_at), else_=moment)


def speed_up(connection: Connection, server: str, set_us: int | None) -> int | None:
    """One step back towards the rate that was set, if it is time for one; the present spacing."""
    floor = FREE_US if set_us is None else set_us
    interval, refused, age = (
        throttles.c.interval_us,
        throttles.c.refused_us,
        now_millis() - throttles.c.updated_at,
    )
    is_rare = interval > HARDLY_ANY_US
    holds = refused.is_not(None) & (interval < refused)  # faster than what was refused
    is_near = refused.is_not(None) & ~holds & (interval <= refused * 2)
    shorter = case((is_rare, interval // 4), (is_near, interval - interval // 3), else_=interval // 2)
    wait = case((is_rare, 0), (is_near | holds, STEP_MS), else_=QUICK_STEP_MS)
    is_there = shorter <= floor
    faster = case((is_there, floor), else_=shorter)
    connection.execute(
        update(throttles)
        .where(throttles.c.name == server, throttles.c.updated_at > 0, age >= wait)
        .values(
            interval_us=faster,
            next_at=_no_later(faster),
            refused_us=case((is_there | holds, None), else_=refused),
            updated_at=case((is_there, 0), else_=now_millis()),
        )
    )
    if set_us is None:
        done = delete(throttles).where(throttles.c.name == server, throttles.c.updated_at == 0)
        connection.execute(done)
    return interval_us(connection, server)


def present(connection: Connection, names: Collection[str] | None = None) -> list[Present]:
    """Every rate in force, by server. `names`: of these only."""
    statement = select(throttles).order_by(throttles.c.name)
    if names is not None:
        statement = statement.where(throttles.c.name.in_(list(names)))
    rows = connection.execute(statement)
    return [Present(row.name, row.interval_us, row.updated_at > 0) for row in rows]
