"""Page cache: what SQLite keeps of the file in memory, for each connection. PostgreSQL has one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection


@contextmanager
def smaller_cache(connection: Connection, kibibytes: int) -> Iterator[None]:
    """Meanwhile it keeps no more than this: what is beyond is in the log, not in memory."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    (cached,) = driver.execute("PRAGMA cache_size").fetchone()
    driver.execute(f"PRAGMA cache_size = -{kibibytes}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA cache_size = {cached}")
