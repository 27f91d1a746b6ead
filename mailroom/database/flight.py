"""Flight: statements that need nothing of each other, sent together; on PostgreSQL in one round trip.

The last of a transaction may wait for no answer at all: they, and the commit, are one more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Dialect

from mailroom.database import begin
from mailroom.database.statement import CompiledStatement, as_sqlalchemy, is_remote

IN_THE_AIR = "mailroom.in_the_air"


class Sendable(Protocol):
    """A Statement or an Upsert."""

    def on(self, dialect: Dialect) -> CompiledStatement: ...


class Answer(NamedTuple):
    """What one statement found, and how many rows it changed."""

    rows: list[tuple[Any, ...]]
    changed: int


Asked = tuple[Sendable, Mapping[str, Any]]
"""A statement and its values."""


def together(connection: Connection, *asked: Asked) -> list[Answer]:
    """Runs all of them, in their order."""
    compiled = [statement.on(connection.dialect) for statement, _ in asked]
    cursors = [connection.connection.cursor() for _ in asked]
    with _errors_of(connection), _pipeline(connection):
        for statement in begin.take(connection):
            _driver(connection).execute(statement)
        for cursor, one, (_, values) in zip(cursors, compiled, asked, strict=True):
            cursor.execute(one.sql, one.parameters(values))
    return [
        Answer(one.rows(cursor.fetchall()) if cursor.description else [], cursor.rowcount)
        for cursor, one in zip(cursors, compiled, strict=True)
    ]


@contextmanager
def last(connection: Connection) -> Iterator[None]:
    """What is run in here is the last of its transaction, and says nothing: an error shows at the commit."""
    if not is_remote(connection.dialect):
        yield
        return
    connection.info[IN_THE_AIR] = pipeline = _driver(connection).pipeline()
    pipeline.__enter__()
    yield


def land(connection: Connection) -> None:
    """Commits what is in the air, and waits for it."""
    if (pipeline := connection.info.get(IN_THE_AIR)) is not None:
        with _errors_of(connection):
            _driver(connection).execute("COMMIT")  # its own commit() would wait twice
            del connection.info[IN_THE_AIR]
            pipeline.__exit__(None, None, None)


def give_up(connection: Connection) -> None:
    """Before a rollback, whatever is in the air."""
    if (pipeline := connection.info.pop(IN_THE_AIR, None)) is not None:
        with suppress(Exception):
            pipeline.__exit__(None, None, None)


def _pipeline(connection: Connection) -> AbstractContextManager[Any]:
    if not is_remote(connection.dialect):
        return nullcontext()
    pipeline: AbstractContextManager[Any] = _driver(connection).pipeline()
    return pipeline


@contextmanager
def _errors_of(connection: Connection) -> Iterator[None]:
    driver: Any = connection.dialect.loaded_dbapi
    try:
        yield
    except driver.Error as error:
        raise as_sqlalchemy(error, "", connection.dialect) from error


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
