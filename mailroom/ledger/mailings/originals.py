"""Originals: whole messages that were handed in, kept octet by octet."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, select

from mailroom.database import blobs
from mailroom.database.sql.any_of import any_of
from mailroom.database.statement import Statement
from mailroom.ledger.schema import originals

FIND_SLICED_ORIGINALS = Statement(
    select(originals.c.mailing_id, originals.c.envelope_sender, blobs.if_small(originals.c.data)).where(
        any_of(originals.c.mailing_id, "chosen")
    )
)
Sliced = tuple[str, Iterable[bytes]]
"""The envelope's sender, and the message in slices: to be read within the transaction it was found in."""


def insert_one(
    connection: Connection, mailing_id: int, envelope_sender: str, size: int, pieces: Iterable[blobs.Octets]
) -> None:
    """`size`: octets of all pieces together."""
    row = {"mailing_id": mailing_id, "envelope_sender": envelope_sender}
    written = (part for piece in pieces for part in blobs.sliced(piece))
    blobs.insert_row(connection, originals.c.data, row, size, written)


def of(connection: Connection, mailing_id: int) -> bytes | None:
    """The message that this mailing came as, in memory once; None: it did not, or it is not kept any more."""
    found = select(blobs.if_small(originals.c.data)).where(originals.c.mailing_id == mailing_id)
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    return row[0] if row[0] is not None else blobs.whole(connection, originals.c.data, mailing_id)


def slices_of(connection: Connection, mailing_id: int) -> Iterable[bytes] | None:
    """The same in slices, to be read within this transaction."""
    found = sliced(connection, [mailing_id], blobs.LOOKED_AT_ONCE).get(mailing_id)
    return None if found is None else found[1]


def sliced(connection: Connection, mailing_ids: Collection[int], size: int) -> dict[int, Sliced]:
    """By mailing id, of those that came as a message; a large one is read `size` octets at a time."""
    if not mailing_ids:
        return {}
    found: dict[int, Sliced] = {}
    for mailing_id, sender, data in FIND_SLICED_ORIGINALS.all(connection, chosen=mailing_ids):
        is_large = data is None
        octets = blobs.slices(connection, originals.c.data, mailing_id, size) if is_large else (data,)
        found[mailing_id] = sender, octets
    return found
