"""Time limit: what is read for pictures must not go on for minutes, whoever waits for it.

Of a transaction that reads. On PostgreSQL each of its statements gets that long, on SQLite all together.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from mailroom.database.statement import is_remote

STEPS_BETWEEN_LOOKS = 100_000
"""Instructions of SQLite's machine: some milliseconds."""

_INTERRUPTED, _QUERY_CANCELED = "SQLITE_INTERRUPT", "57014"


class TookTooLong(Exception):
    """The database was told to give up."""


@contextmanager
def time_limit(connection: Connection, seconds: float) -> Iterator[None]:
    """Raises TookTooLong from whatever is being read when the time is over."""
    is_limited_by_us = not is_remote(connection)
    driver = connection.connection.dbapi_connection
    assert driver is not None
    if is_limited_by_us:
        end = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > end, STEPS_BETWEEN_LOOKS)
    else:
        connection.execute(select(func.set_config("statement_timeout", str(round(seconds * 1000)), True)))
    try:
        yield
    except DBAPIError as error:
        if _code_of(error) in (_INTERRUPTED, _QUERY_CANCELED):
            raise TookTooLong from error
        raise
    finally:
        if is_limited_by_us:
            driver.set_progress_handler(None, 0)


def _code_of(error: DBAPIError) -> str | None:
    original = error.orig
    return getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
