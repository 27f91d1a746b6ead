"""Write lock: SQLite has one, and the threads of a process take it in turn."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

PACES = (0.00005,) * 4 + (0.0005,)
"""Seconds between two tries to get SQLite's write lock; the last one for good. A group of marks
holds it for a tenth of a millisecond, a durable commit for the time of a disk's flush."""

PACES_OF_MARKS = (0.00005,) * 4 + (0.001,)
"""The same for marks and outcomes. In a burst of acceptances, which hold the lock most of the time, they ask
often, and each time takes as long as to write a mark.
"""

IMPATIENT = "PRAGMA busy_timeout = 0"


class WriteLock:
    """SQLite's one write lock, taken in turn.

    SQLite's own waits grow to a tenth of a second, so that whoever has waited longest is
    served last. Here the threads of a process wait in line for each other, and only the
    first of them asks for the lock, quickly at first, then at an even pace.
    """

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms
        self.patient = f"PRAGMA busy_timeout = {timeout_ms}"
        """The contrary of IMPATIENT."""
        self._line = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around a transaction that writes."""
        is_mine = self._line.acquire(timeout=self._timeout_ms / 1000)
        try:
            yield  # even without a turn: SQLite itself then says that it is locked
        finally:
            if is_mine:
                self._line.release()

    def begin(self, cursor: Any) -> None:
        """Raises sqlite3.OperationalError when the lock is not to be had in time."""
        cursor.execute(IMPATIENT)
        try:
            self.begin_impatient(cursor)
        finally:
            cursor.execute(self.patient)

    def begin_impatient(self, cursor: Any, paces: Sequence[float] = PACES) -> None:
        """The same on a connection that does nothing but write, and is IMPATIENT for good."""
        deadline = time.monotonic() + self._timeout_ms / 1000
        waits = chain(paces, repeat(paces[-1]))
        while not self._is_begun(cursor, time.monotonic() >= deadline):
            time.sleep(next(waits))

    def _is_begun(self, cursor: Any, is_last: bool) -> bool:
        try:
            cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True
