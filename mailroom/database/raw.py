"""Raw connection: statements run by the driver alone, for the send loop's commit a mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from operator import attrgetter, methodcaller
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from mailroom.database.begin import BEGIN
from mailroom.database.pooler import EACH_TRANSACTION
from mailroom.database.statement import as_sqlalchemy
from mailroom.database.write_lock import IMPATIENT, WriteLock

T = TypeVar("T")

CHANGED = attrgetter("rowcount")
RETURNED = methodcaller("fetchall")


class RawConnection:
    """One connection without SQLAlchemy's cost per statement: for the send loop, a commit a mail.

    Raises DBAPIError, as SQLAlchemy does. Not for two threads at once.
    """

    def __init__(self, engine: Engine, write_lock: WriteLock | None) -> None:
        self.engine = engine
        self._driver: Any = engine.dialect.loaded_dbapi
        self._write_lock = write_lock
        self._pooled: PoolProxiedConnection | None = None

    @property
    def is_remote(self) -> bool:
        """Whether a statement is a round trip, so that one for many rows is worth its while."""
        return self._write_lock is None

    def run(self, statements: Iterable[tuple[str, Any]], read: Callable[[Any], T]) -> list[T]:
        """Executes (SQL, parameters) in one transaction; CHANGED or RETURNED of each one."""
        try:
            if self._write_lock is None:
                return self._run_at_once(statements, read)
            with self._write_lock.one():
                return self._run(self._write_lock, statements, read)
        except self._driver.Error as error:
            self.close()
            raise as_sqlalchemy(error, "", self.engine.dialect) from error
        except BaseException:
            self.close()
            raise

    def _run(
        self, lock: WriteLock, statements: Iterable[tuple[str, Any]], read: Callable[[Any], T]
    ) -> list[T]:
        pooled = self._pooled = self._pooled or self._open()
        cursor = pooled.cursor()
        lock.begin_impatient(cursor)
        found = [read(cursor.execute(*statement)) for statement in statements]
        pooled.commit()
        return found

    def _run_at_once(self, statements: Iterable[tuple[str, Any]], read: Callable[[Any], T]) -> list[T]:
        """All of it in one round trip, BEGIN and COMMIT included."""
        pooled = self._pooled = self._pooled or self._open()
        connection: Any = pooled.driver_connection
        with connection.pipeline():
            connection.execute(BEGIN)
            if settings_made := pooled.info.get(EACH_TRANSACTION):
                connection.execute(settings_made)
            cursors = [connection.execute(*statement) for statement in statements]
            connection.execute("COMMIT")  # the driver's own commit() would wait twice
        return [read(cursor) for cursor in cursors]

    def _open(self) -> PoolProxiedConnection:
        pooled = self.engine.raw_connection()
        if self._write_lock is not None:
            pooled.cursor().execute(IMPATIENT)
        return pooled

    def close(self) -> None:
        """Rolls back what was not committed; the next run opens a connection anew."""
        if self._pooled is not None:
            # SQLite closes no connection, and keeps its lock, while a traceback holds one of its cursors.
            with suppress(Exception):
                self._pooled.rollback()
            self._pooled.invalidate()
            self._pooled = None
