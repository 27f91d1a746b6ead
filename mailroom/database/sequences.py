"""Sequences: what the next ids of a table are taken from, moved on so that a range is never given."""

from __future__ import annotations

from sqlalchemy import Connection, text


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
