"""Raw connection: statements run by the driver alone, for the send loop's commit a mail."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from mailroom.database.statement import as_sqlalchemy
from mailroom.database.write_lock import IMPATIENT, WriteLock


class RawConnection:
    """One connection without SQLAlchemy's cost per statement: for the send loop, a commit a mail.

    Raises DBAPIError, as SQLAlchemy does. Not for two threads at once.
    """

    def __init__(self, engine: Engine, write_lock: WriteLock | None) -> None:
        self._engine = engine
        self._driver: Any = engine.dialect.loaded_dbapi
        self._write_lock = write_lock
        self._pooled: PoolProxiedConnection | None = None

    def run(self, statements: Iterable[tuple[str, Any]]) -> list[int]:
        """Executes (SQL, parameters) in one transaction; the number of rows each one changed."""
        try:
            if self._write_lock is None:
                return self._run(statements)
            with self._write_lock.one():
                return self._run(statements)
        except self._driver.Error as error:
            self.close()
            raise as_sqlalchemy(error, "", self._engine.dialect) from error
        except BaseException:
            self.close()
            raise

    def _run(self, statements: Iterable[tuple[str, Any]]) -> list[int]:
        pooled = self._pooled = self._pooled or self._open()
        cursor = pooled.cursor()
        if self._write_lock is not None:
            self._write_lock.begin_impatient(cursor)
        changed = [cursor.execute(*statement).rowcount for statement in statements]
        pooled.commit()
        return changed

    def _open(self) -> PoolProxiedConnection:
        pooled = self._engine.raw_connection()
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
