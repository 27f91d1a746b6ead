"""Page cache: what SQLite keeps of the file in memory, for each connection. PostgreSQL has one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

USUAL_CACHE = 64 * 1024
"""KiB, for each connection."""

USUALLY_MAPPED = 256 << 20
"""Octets of the file."""

NOTHING_MAPPED = "PRAGMA mmap_size = 0"
"""For who writes a few rows after each other process that does: after every commit of somebody else's SQLite
maps all of the file anew, which takes longer than to read the few pages that are wanted.
"""


@contextmanager
def smaller_cache(connection: Connection, kibibytes: int) -> Iterator[None]:
    """Meanwhile it keeps no more than this: what is beyond is in the log, not in memory."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    (cached,) = driver.execute("PRAGMA cache_size").fetchone()
    driver.execute(f"PRAGMA cache_size = -{kibibytes}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA cache_size = {cached}")


@contextmanager
def nothing_mapped(connection: Connection, kibibytes: int) -> Iterator[None]:
    """The same of SQLite's; nor is its file mapped, for what is read there would count as our memory.

    Several may overlap, as values are read by pieces: each ends with what is usual.
    """
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA cache_size = -{kibibytes}")
    driver.execute(NOTHING_MAPPED)
    try:
        yield
    finally:
        driver.execute(f"PRAGMA cache_size = -{USUAL_CACHE}")
        driver.execute(f"PRAGMA mmap_size = {USUALLY_MAPPED}")
