"""Kept open: transactions that all use one connection, for to take one from the pool costs as much again."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine

from mailroom.database.connection.write_lock import IMPATIENT, WriteLock


class KeptOpen:
    """Transactions that write to SQLite, of one thread at a time. Its connection has left the pool."""

    def __init__(self, engine: Engine, write_lock: WriteLock) -> None:
        self._engine, self._write_lock = engine.execution_options(mailroom_impatient=True), write_lock
        self._connection: Connection | None = None
        self._in_use = threading.Lock()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Committed on leaving; an exception rolls back, and the next one opens a connection anew."""
        with self._in_use, self._write_lock.one(), self._transaction() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, by a connection that has in its cache what the last one wrote."""
        with self._in_use:
            connection = self._connection = self._connection or self._open()
            connection.execution_options(mailroom_writes=False)
            cursor = connection.connection.cursor()
            cursor.execute(self._write_lock.patient)  # SQLite's file may be in the middle of its recovery
            with self._transaction():
                yield connection
            cursor.execute(IMPATIENT)
            connection.execution_options(mailroom_writes=True)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        connection = self._connection = self._connection or self._open()
        try:
            with connection.begin():
                yield connection
        except BaseException:
            self._connection = None
            with suppress(Exception):
                connection.close()
            raise

    def look(self, sql: str, given: Any) -> list[tuple[Any, ...]] | None:
        """What a statement that only reads finds, between two transactions; None: somebody else has to ask.

        What those wrote is in this connection's page cache. Every other one reads it anew.
        """
        if not self._in_use.acquire(blocking=False):
            return None
        try:
            driver_s: Any = self._connection.connection.dbapi_connection if self._connection else None
            return None if driver_s is None else driver_s.execute(sql, given).fetchall()
        except sqlite3.Error:  # it waits for nobody, being IMPATIENT
            return None
        finally:
            self._in_use.release()

    def close(self) -> None:
        """For whoever knows that nobody writes."""
        kept, self._connection = self._connection, None
        if kept is not None:
            kept.close()

    def _open(self) -> Connection:
        connection = self._engine.connect()
        connection.detach()
        connection.connection.cursor().execute(IMPATIENT)
        return connection
