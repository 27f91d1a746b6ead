"""Planner hints: what PostgreSQL is told for one transaction, and SQLite need not be."""

from __future__ import annotations

from sqlalchemy import Connection, text

from mailroom.database.statement import Statement

NO_FLUSH = Statement(text("SET LOCAL synchronous_commit = off"))
NO_SORT = Statement(text("SET LOCAL enable_sort = off"))


def flush_with_a_later_commit(connection: Connection) -> None:
    """This transaction promises nothing yet: its commit need not wait for the disk.

    A later commit that does waits for all that was committed before it.
    """
    _set(connection, NO_FLUSH)


def read_in_order_of_an_index(connection: Connection) -> None:
    """What was written a moment ago has no statistics: the planner would take it for little, and sort it."""
    _set(connection, NO_SORT)


def _set(connection: Connection, setting: Statement) -> None:
    if connection.dialect.name == "postgresql":
        setting.do(connection)
