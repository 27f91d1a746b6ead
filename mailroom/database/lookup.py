"""Lookup: a statement that only reads, by itself, in no transaction; most requests begin with one.

A transaction costs SQLAlchemy ten times what SQLite takes to find a row, and on PostgreSQL three round
trips more.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from mailroom.database.statement import Statement, as_sqlalchemy


class Lookups:
    """Of one process; each thread has a connection for it, beside the pool's, on SQLite.

    On PostgreSQL, where connections are counted, it takes one of the pool's.
    """

    def __init__(self, engine: Engine, *, is_sqlite: bool) -> None:
        self._engine, self._is_sqlite = engine, is_sqlite
        self._kept = threading.local()

    def rows(self, statement: Statement, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """What was committed when it ran. Raises DBAPIError, as SQLAlchemy does."""
        dialect = self._engine.dialect
        driver: Any = dialect.loaded_dbapi
        compiled = statement.on(dialect)
        connection = self._connection()
        try:
            # To its end: a cursor that still has rows keeps SQLite at what was there when it began.
            rows = connection.cursor().execute(compiled.sql, compiled.parameters(values)).fetchall()
        except driver.Error as error:
            self._drop(connection)
            raise as_sqlalchemy(error, compiled.sql, dialect) from error
        except BaseException:
            self._drop(connection)
            raise
        self._give_back(connection)
        return compiled.rows(rows)

    def _connection(self) -> PoolProxiedConnection:
        kept: PoolProxiedConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            return kept
        pooled = self._engine.raw_connection()
        if self._is_sqlite:
            pooled.detach()
            self._kept.connection = pooled
        else:
            _set_autocommit(pooled, True)
        return pooled

    def _give_back(self, connection: PoolProxiedConnection) -> None:
        if not self._is_sqlite:
            _set_autocommit(connection, False)
            connection.close()

    def _drop(self, connection: PoolProxiedConnection) -> None:
        self._kept.connection = None
        with suppress(Exception):
            connection.invalidate()


def _set_autocommit(connection: PoolProxiedConnection, is_on: bool) -> None:
    driver: Any = connection.driver_connection
    driver.autocommit = is_on
