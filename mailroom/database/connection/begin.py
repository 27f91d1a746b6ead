"""Begin: on PostgreSQL a transaction begins with its first statement, in the same round trip.

The driver's own BEGIN would be one more, and in a pipeline another. So its connections are in its
autocommit mode, and what a transaction begins with is kept until something is run in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import ServerCursor
from sqlalchemy import Connection, Engine, event

from mailroom.database.connection.pooler import EACH_TRANSACTION

PENDING = "mailroom.begin"
"""Of a connection's `info`: the statements that were not run yet."""

BEGINS_WITH = "mailroom_begins_with"
"""An execution option: with what, if not with BEGIN; "": whoever runs the transaction says it."""

# Named, whatever the database, the role or the environment have as their default.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def with_the_first_statement(engine: Engine) -> None:
    """Whatever runs that: SQLAlchemy, or whoever asks run_with_begin() or take()."""

    @event.listens_for(engine, "connect")
    def _connect(dbapi_connection: Any, record: Any) -> None:
        dbapi_connection.autocommit = True

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        is_autocommit = options.get("isolation_level") == "AUTOCOMMIT"  # as somebody asked for
        if begin := "" if is_autocommit else options.get(BEGINS_WITH, BEGIN):
            settings_made = connection.info.get(EACH_TRANSACTION)
            connection.info[PENDING] = [begin, settings_made] if settings_made else [begin]

    @event.listens_for(engine, "before_cursor_execute")
    def _before(
        connection: Connection, cursor: Any, sql: str, given: Any, context: Any, is_many: bool
    ) -> None:
        if is_many or context.compiled is None:  # handwritten: several commands in one go in no pipeline
            now(connection)
        else:
            context.mailroom_begins_with = take(connection)

    @event.listens_for(engine, "do_execute")
    def _do_execute(cursor: Any, sql: str, given: Any, context: Any) -> bool:
        if statements := getattr(context, "mailroom_begins_with", ()):
            _run_after(statements, cursor, sql, given)
        return bool(statements)

    @event.listens_for(engine, "commit")
    @event.listens_for(engine, "rollback")
    def _end(connection: Connection) -> None:
        if not connection.invalidated:  # it would be opened anew, in the middle of its end
            connection.info.pop(PENDING, None)


def take(connection: Connection) -> Sequence[str]:
    """What its transaction is still to begin with, for who runs it along with a statement of theirs."""
    found: Sequence[str] = connection.info.pop(PENDING, ())
    return found


def run_with_begin(connection: Connection, cursor: Any, sql: str, given: Any) -> None:
    """Has the driver's `cursor` execute a statement, along with what its transaction is still to begin with.

    An error of either is the driver's, and raised here.
    """
    if statements := take(connection):
        _run_after(statements, cursor, sql, given)
    else:
        cursor.execute(sql, given)


def _run_after(statements: Sequence[str], cursor: Any, sql: str, given: Any) -> None:
    driver_s = cursor.connection
    if isinstance(cursor, ServerCursor):  # it asks what its rows look like, and waits for that
        for statement in statements:
            driver_s.execute(statement)
        cursor.execute(sql, given)
        return
    with driver_s.pipeline():
        for statement in statements:
            driver_s.execute(statement)
        cursor.execute(sql, given)


def now(connection: Connection) -> None:
    """For who runs something that cannot go along with it: COPY, or the driver's own calls."""
    for statement in take(connection):
        connection.exec_driver_sql(statement)
