"""Begin: on PostgreSQL a transaction begins with its first statement, in the same round trip.

The driver's own BEGIN would be one more, and in a pipeline another. So its connections are in its
autocommit mode, and what a transaction begins with is kept until something is run in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, event

from mailroom.database.pooler import EACH_TRANSACTION

PENDING = "mailroom.begin"
"""Of a connection's `info`: the statements that were not run yet."""

BEGINS_WITH = "mailroom_begins_with"
"""An execution option: with what, if not with BEGIN; "": whoever runs the transaction says it."""

# Named, whatever the database, the role or the environment have as their default.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def with_the_first_statement(engine: Engine) -> None:
    """Whatever runs that: SQLAlchemy, or whoever asks take()."""

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
    def _before(connection: Connection, *_: Any) -> None:
        now(connection)

    @event.listens_for(engine, "commit")
    @event.listens_for(engine, "rollback")
    def _end(connection: Connection) -> None:
        if not connection.invalidated:  # it would be opened anew, in the middle of its end
            connection.info.pop(PENDING, None)


def take(connection: Connection) -> Sequence[str]:
    """What its transaction is still to begin with, for who runs it along with a statement of theirs."""
    found: Sequence[str] = connection.info.pop(PENDING, ())
    return found


def now(connection: Connection) -> None:
    """For who runs something that cannot go along with it: COPY, or the driver's own calls."""
    for statement in take(connection):
        connection.exec_driver_sql(statement)
