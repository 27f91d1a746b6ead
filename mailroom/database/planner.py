"""Planner hints: what PostgreSQL is told for one transaction, and SQLite need not be."""

from __future__ import annotations

from sqlalchemy import Connection


def flush_with_a_later_commit(connection: Connection) -> None:
    """This transaction promises nothing yet: its commit need not wait for the disk.

    A later commit that does waits for all that was committed before it.
    """
    _set(connection, "synchronous_commit = off")


def read_in_order_of_an_index(connection: Connection) -> None:
    """What was written a moment ago has no statistics: the planner would take it for little, and sort it."""
    _set(connection, "enable_sort = off")


def _set(connection: Connection, setting: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL {setting}")
