"""Originals: whole messages that were handed in, kept octet by octet."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, insert, select

from mailroom.database.any_of import any_of
from mailroom.database.statement import Statement
from mailroom.ledger.schema import originals

FIND_ORIGINALS = Statement(
    select(originals.c.mailing_id, originals.c.envelope_sender, originals.c.data).where(
        any_of(originals.c.mailing_id, "chosen")
    )
)


def insert_one(connection: Connection, mailing_id: int, envelope_sender: str, data: bytes) -> None:
    values = {"mailing_id": mailing_id, "envelope_sender": envelope_sender, "data": data}
    connection.execute(insert(originals).values(values))


def of(connection: Connection, mailing_ids: Collection[int]) -> dict[int, tuple[str, bytes]]:
    """Mailing id -> the envelope's sender and the message, of those that came as one."""
    if not mailing_ids:
        return {}
    rows = FIND_ORIGINALS.all(connection, chosen=mailing_ids)
    return {mailing_id: (sender, data) for mailing_id, sender, data in rows}
