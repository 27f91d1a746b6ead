"""SQLite's flush: whether a commit waits for the disk. PostgreSQL is told so in a transaction: planner.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection


@contextmanager
def flushed_later(connection: Connection) -> Iterator[None]:
    """Around a transaction, never in one, where SQLite refuses it.

    The log is one file: a commit that flushes it flushes what others have written there before.
    """
    driver: Any = connection.connection.driver_connection
    (usual,) = driver.execute("PRAGMA synchronous").fetchone()
    driver.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        try:
            driver.execute(f"PRAGMA synchronous = {usual}")
        except BaseException:
            connection.invalidate()  # nobody's promise is made on it again
            raise
