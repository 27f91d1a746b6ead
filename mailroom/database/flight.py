"""Flight: statements that need nothing of each other, sent together; on PostgreSQL in one round trip.

The last of a transaction may wait for no answer at all: they, and the commit, are one more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
    dialect = connection.dialect
    sent = [(statement.on(dialect), values, connection.connection.cursor()) for statement, values in asked]
    driver: Any = dialect.loaded_dbapi
    try:
        if is_remote(dialect):
            with _driver(connection).pipeline():
                for begins in begin.take(connection):
                    _driver(connection).execute(begins)
                _run(sent)
        else:
            _run(sent)
    except driver.Error as error:
        raise as_sqlalchemy(error, "", dialect) from error
    return [
        Answer(compiled.rows(cursor.fetchall()) if cursor.description else [], cursor.rowcount)
        for compiled, _, cursor in sent
    ]


def _run(sent: Sequence[tuple[CompiledStatement, Mapping[str, Any], Any]]) -> None:
    for compiled, values, cursor in sent:
        cursor.execute(compiled.sql, compiled.parameters(values))


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
        driver: Any = connection.dialect.loaded_dbapi
        try:
            _driver(connection).execute("COMMIT")  # its own commit() would wait twice
            del connection.info[IN_THE_AIR]
            pipeline.__exit__(None, None, None)
        except driver.Error as error:
            raise as_sqlalchemy(error, "", connection.dialect) from error


def give_up(connection: Connection) -> None:
    """Before a rollback, whatever is in the air."""
    if (pipeline := connection.info.pop(IN_THE_AIR, None)) is not None:
        with suppress(Exception):
            pipeline.__exit__(None, None, None)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
