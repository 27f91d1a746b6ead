"""Near the driver: SQLite's write lock taken in turn, and statements run without SQLAlchemy."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

PACES = (0.00005,) * 4 + (0.0005,)
"""Seconds between two tries to get SQLite's write lock; the last one for good. A group of marks
holds it for a tenth of a millisecond, a durable commit for the time of a disk's flush."""

IMPATIENT = "PRAGMA busy_timeout = 0"


class Turns:
    """SQLite's one write lock, taken in turn.

    SQLite's own waits grow to a tenth of a second, so that whoever has waited longest is
    served last. Here the threads of a process wait in line for each other, and only the
    first of them asks for the lock, quickly at first, then at an even pace.
    """

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms
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
            cursor.execute(f"PRAGMA busy_timeout = {self._timeout_ms}")

    def begin_impatient(self, cursor: Any) -> None:
        """The same on a connection that does nothing but write, and is IMPATIENT for good."""
        deadline = time.monotonic() + self._timeout_ms / 1000
        paces = chain(PACES, repeat(PACES[-1]))
        while not self._is_begun(cursor, time.monotonic() >= deadline):
            time.sleep(next(paces))

    def _is_begun(self, cursor: Any, is_last: bool) -> bool:
        try:
            cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True


class Direct:
    """One connection without SQLAlchemy's cost per statement: for the send loop, a commit a mail.

    Raises the driver's own errors: `Database.errors`. Not for two threads at once.
    """

    def __init__(self, engine: Engine, turns: Turns | None) -> None:
        self._engine = engine
        self._turns = turns
        self._pooled: PoolProxiedConnection | None = None

    def run(self, statements: Iterable[tuple[str, Any]]) -> list[int]:
        """Executes (SQL, parameters) in one transaction; the number of rows each one changed."""
        try:
            if self._turns is None:
                return self._run(statements)
            with self._turns.one():
                return self._run(statements)
        except BaseException:
            self.close()
            raise

    def _run(self, statements: Iterable[tuple[str, Any]]) -> list[int]:
        pooled = self._pooled = self._pooled or self._open()
        cursor = pooled.cursor()
        if self._turns is not None:
            self._turns.begin_impatient(cursor)
        changed = [cursor.execute(*statement).rowcount for statement in statements]
        pooled.commit()
        return changed

    def _open(self) -> PoolProxiedConnection:
        pooled = self._engine.raw_connection()
        if self._turns is not None:
            pooled.cursor().execute(IMPATIENT)
        return pooled

    def close(self) -> None:
        """Rolls back what was not committed; the next run opens a connection anew."""
        if self._pooled is not None:
            self._pooled.invalidate()
            self._pooled = None
