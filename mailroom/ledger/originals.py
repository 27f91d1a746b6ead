"""Whole messages that were handed in, kept octet by octet."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from mailroom.ledger.schema import originals


def insert_one(connection: Connection, mailing_id: int, envelope_sender: str, data: bytes) -> None:
    values = {"mailing_id": mailing_id, "envelope_sender": envelope_sender, "data": data}
    connection.execute(insert(originals).values(values))


def of(connection: Connection, mailing_id: int) -> tuple[str, bytes]:
    """The envelope's sender and the message; the mailing must have one (its message_id is set)."""
    statement = select(originals.c.envelope_sender, originals.c.data)
    row = connection.execute(statement.where(originals.c.mailing_id == mailing_id)).one()
    return row.envelope_sender, row.data
