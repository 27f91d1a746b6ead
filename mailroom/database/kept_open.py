"""Kept open: transactions that all use one connection, for to take one from the pool costs as much again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine

from mailroom.database.write_lock import IMPATIENT, WriteLock


class KeptOpen:
    """Transactions that write to SQLite, of one thread at a time. Its connection has left the pool."""

    def __init__(self, engine: Engine, write_lock: WriteLock) -> None:
        self._engine, self._write_lock = engine.execution_options(mailroom_impatient=True), write_lock
        self._connection: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Committed on leaving; an exception rolls back, and the next one opens a connection anew."""
        with self._write_lock.one():
            connection = self._connection = self._connection or self._open()
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                self._connection = None
                with suppress(Exception):
                    connection.close()
                raise

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
