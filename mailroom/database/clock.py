"""Clock and time columns: the database's own clock, which all processes share, and milliseconds of UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Dialect, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

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


def now(connection: Connection) -> int:
    """What that clock says."""
    return int(connection.execute(select(now_millis())).scalar_one())


@compiles(now_millis, "sqlite")
@compiles(now_millis, "postgresql")
def _now_millis(element: now_millis, compiler: Any, **kw: Any) -> str:
    return NOW_MILLIS[compiler.dialect.name]
