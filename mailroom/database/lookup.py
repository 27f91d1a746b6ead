"""Lookup: a statement that only reads, by itself, in no transaction; most requests begin with one.

A transaction costs SQLAlchemy ten times what SQLite takes to find a row, and on PostgreSQL three round
trips more.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

from mailroom.database.connection import idle
from mailroom.database.connection.kept_open import KeptOpen
from mailroom.database.connection.pipeline import as_sqlalchemy
from mailroom.database.statement import Statement


class Lookups:
    """Of one process. On SQLite by the connection that writes, which finds what it wrote in its cache; while
    it is used each thread has one of its own, beside the pool's.

    On PostgreSQL, where connections are counted, it takes one of the pool's.
    """

    def __init__(self, engine: Engine, writer: KeptOpen | None) -> None:
        self._engine, self._writer = engine, writer
        self._kept = threading.local()
        self._all: WeakSet[PoolProxiedConnection] = WeakSet()

    def rows(self, statement: Statement, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """What was committed when it ran. Raises DBAPIError, as SQLAlchemy does."""
        compiled = statement.on(self._engine.dialect)
        given = compiled.parameters(values)
        found = self._writer.look(compiled.sql, given) if self._writer else None
        return compiled.rows(self._asked(compiled.sql, given) if found is None else found)

    def _asked(self, sql: str, given: Any) -> list[tuple[Any, ...]]:
        with idle.unasked():
            connection = self._connection()
        try:
            return self._run(connection, sql, given)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # It died while nobody used it. The next one is asked before.
            return self._run(self._connection(), sql, given)

    def _run(self, connection: PoolProxiedConnection, sql: str, given: Any) -> list[tuple[Any, ...]]:
        dialect = self._engine.dialect
        driver: Any = dialect.loaded_dbapi
        try:
            # To its end: a cursor that still has rows keeps SQLite at what was there when it began.
            found: list[tuple[Any, ...]] = connection.cursor().execute(sql, given).fetchall()
        except driver.Error as error:
            is_dead = dialect.is_disconnect(error, connection, None)
            self._drop(connection)
            raised = as_sqlalchemy(error, sql, dialect)
            raised.connection_invalidated = is_dead
            raise raised from error
        except BaseException:
            self._drop(connection)
            raise
        self._give_back(connection)
        return found

    def _connection(self) -> PoolProxiedConnection:
        kept: PoolProxiedConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            return kept
        dialect = self._engine.dialect
        driver: Any = dialect.loaded_dbapi
        try:
            pooled = self._engine.raw_connection()
        except driver.Error as error:  # a new one, which the pool lets through as it is
            raise as_sqlalchemy(error, "", dialect) from error
        if self._writer is not None:
            pooled.detach()
            self._kept.connection = pooled
            self._all.add(pooled)
        return pooled

    def _give_back(self, connection: PoolProxiedConnection) -> None:
        if self._writer is None:
            connection.close()

    def close(self) -> None:
        """For whoever knows that no other thread looks anything up; each opens its own anew."""
        for connection in list(self._all):
            with suppress(Exception):
                connection.close()
        self._kept, self._all = threading.local(), WeakSet()

    def _drop(self, connection: PoolProxiedConnection) -> None:
        self._kept.connection = None
        with suppress(Exception):
            connection.invalidate()
