"""Uptimes: how far the ledger's clock was set, by what the sweeping machines saw pass meanwhile.

The clock may be another machine's, and set while no process of ours lives. A machine that was started
anew, or sweeps for the first time, has nothing to compare with: then what the clock says has passed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, delete, select

from mailroom.database import clock
from mailroom.database.clock import Uptime
from mailroom.database.sql.upsert import Upsert
from mailroom.database.statement import Statement
from mailroom.ledger.schema import uptimes

LOOK_TOOK_MS = 1_000
"""A look that took longer says too little: we may have stood still in the middle of it."""

CLOCKS_DIFFER_BY = 1_000
"""Two machines' clocks may drift apart by a thousandth, and no more."""

UPTIME_KEPT_MS = 30 * 24 * 3_600_000


class Look(NamedTuple):
    """What the ledger's clock said, and how long this machine had run."""

    now: int
    uptime: Uptime
    is_sharp: bool


FIND_UPTIME = Statement(
    select(uptimes.c.at, uptimes.c.awake_ms, uptimes.c.up_ms, uptimes.c.set_ms).where(
        uptimes.c.boot == bindparam("of_boot")
    )
)
FORGET_MACHINES = Statement(delete(uptimes).where(uptimes.c.at < bindparam("before", type_=BigInteger)))


def look(connection: Connection) -> Look:
    before = clock.uptime()
    now = clock.now(connection)
    return Look(now, before, clock.uptime().since(before) <= LOOK_TOOK_MS)


def set_by(connection: Connection, look: Look, set_ms: int, at_least: int) -> int:
    """How far the clock was set since this machine looked last: ahead (more than 0), back (less), or not.

    `set_ms`: how far it was set in all, as far as that is known.
    """
    before = FIND_UPTIME.one(connection, of_boot=clock.boot())
    if before is None or not look.is_sharp:
        return 0
    at, awake_ms, up_ms, set_before_ms = before
    passed = look.uptime.since(Uptime(awake_ms, up_ms))
    by = look.now - at - passed - (set_ms - set_before_ms)
    return by if abs(by) >= at_least + max(0, passed) // CLOCKS_DIFFER_BY else 0


def _noted(insert: Any) -> Any:
    names = ("at", "awake_ms", "up_ms", "set_ms")
    row = insert.values(boot=bindparam("boot"), **{name: bindparam(f"new_{name}") for name in names})
    given = {name: insert.excluded[name] for name in names}
    return row.on_conflict_do_update(index_elements=("boot",), set_=given)


NOTE_UPTIME = Upsert(uptimes, _noted)


def note(connection: Connection, look: Look, set_ms: int) -> None:
    """For the next look. Machines that are gone are forgotten."""
    if not look.is_sharp:
        return
    values = {"at": look.now, **look.uptime._asdict(), "set_ms": set_ms}
    NOTE_UPTIME.run(connection, boot=clock.boot(), **{f"new_{name}": value for name, value in values.items()})
    FORGET_MACHINES.do(connection, before=look.now - UPTIME_KEPT_MS)
