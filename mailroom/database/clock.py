"""Clock and time columns: the database's own clock, which all processes share, and milliseconds of UTC.

Beside them the machine's uptime, by which it is seen that somebody set that clock.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Dialect, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from mailroom.database.statement import Statement

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_millis(moment: datetime) -> int:
    """Milliseconds since the epoch. A naive datetime is refused: nobody knows what it means."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone cannot be stored")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    return EPOCH + timedelta(milliseconds=millis)


def with_moments(values: Mapping[Any, Any], *names: str) -> dict[str, Any]:
    """A row's values, with those of `names` as datetimes: for columns that are read as they stand."""
    moments = {name: None if values[name] is None else from_millis(values[name]) for name in names}
    return {**values, **moments}


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime in Python, whole milliseconds since the epoch in the database.

    Whole numbers sort, add and compare alike on SQLite and PostgreSQL, and in raw SQL.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_millis(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_millis(value)


Millis = BigInteger
"""The same column, read as it stands: where only machines compare times, by the thousand."""


class now_millis(FunctionElement[int]):
    """The database's own clock: the one clock that all workers share. Milliseconds."""

    type = BigInteger()
    inherit_cache = True


NOW_MILLIS = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
}
"""The same clock for handwritten SQL, by dialect."""

NOW = select(now_millis()).scalar_subquery()
"""The same, asked once for all rows: no index of PostgreSQL serves a clock that is asked for each of them."""

TELL_TIME = Statement(select(now_millis()))


def now(connection: Connection) -> int:
    """What that clock says."""
    row = TELL_TIME.one(connection)
    assert row is not None
    return int(row[0])


class Uptime(NamedTuple):
    """How long this machine has run, in two ways that nobody sets; milliseconds."""

    awake_ms: int  # without the time that it slept
    up_ms: int  # as the kernel's own file says, whatever a program is told

    def since(self, earlier: Uptime) -> int:
        """What passed, as far as both of them saw it."""
        up = self.up_ms - earlier.up_ms
        awake = self.awake_ms - earlier.awake_ms
        return awake if up < 0 else min(awake, up)


def uptime() -> Uptime:
    awake = round(time.monotonic() * 1000)
    try:
        return Uptime(awake, round(float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]) * 1000))
    except (OSError, ValueError, IndexError):
        return Uptime(awake, awake)


@cache
def boot() -> str:
    """Names what `uptime` belongs to: this machine, since it started; or this process, where nobody says."""
    try:
        booted = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{booted}-{os.stat('/proc/self/ns/time').st_ino}"[:100]
    except OSError:
        return f"process-{secrets.token_hex(16)}"


@compiles(now_millis, "sqlite")
@compiles(now_millis, "postgresql")
def _now_millis(element: now_millis, compiler: Any, **kw: Any) -> str:
    return NOW_MILLIS[compiler.dialect.name]
