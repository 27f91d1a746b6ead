"""Sequences: what the next ids of a table are taken from, moved on so that a range is never given."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from sqlalchemy import Connection, text

from mailroom.database.statement import Statement, is_remote


def skip_ids(connection: Connection, table: str, number: int) -> None:
    """The next id of this table, which is NEVER_REUSED, is larger by `number` than it would have been."""
    if connection.dialect.name == "sqlite":
        given = {"name": table, "number": number}
        moved = text("UPDATE sqlite_sequence SET seq = seq + :number WHERE name = :name")
        if not connection.execute(moved, given).rowcount:  # nothing was ever written into it
            connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), given)
        return
    sequence = "pg_get_serial_sequence(:name, 'id')"
    moved = text(f"SELECT setval({sequence}, nextval({sequence}) + :number)")
    connection.execute(moved, {"name": table, "number": number})


def reserve_later(connection: Connection, table: str) -> Callable[[], int | None]:
    """An id for a row to be, on PostgreSQL: whoever has it need not wait for the row, to name it elsewhere.
    None on SQLite, where nobody waits for that. To be had from what this returns.
    """
    if not is_remote(connection):
        return lambda: None
    found = _next_of(table).later(connection)
    return lambda: int(found()[0][0])


@cache
def _next_of(table: str) -> Statement:
    return Statement(text(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id'))"))
