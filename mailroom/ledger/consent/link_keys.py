"""Key ring: the secrets that seal unsubscribe links. A new one seals from now on, none is ever thrown away.

They stand in the ledger: all machines have them, a backup brings them along, and SECRET_KEY may change.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, func, insert, select

from mailroom.database.clock import now_millis
from mailroom.ledger.schema import link_keys

MOST_LINK_KEYS = 255
"""A link has one octet for the number of its key."""


class RingIsFull(Exception):
    """There can be no further key."""


def newest(connection: Connection) -> tuple[int, bytes]:
    """Number and secret of the key that seals."""
    found = select(link_keys.c.id, link_keys.c.secret).order_by(link_keys.c.id.desc()).limit(1)
    number, secret = connection.execute(found).one()
    return int(number), bytes.fromhex(secret)


def every(connection: Connection) -> dict[int, bytes]:
    rows = connection.execute(select(link_keys.c.id, link_keys.c.secret))
    return {number: bytes.fromhex(secret) for number, secret in rows}


def add(connection: Connection) -> int:
    """The number of a new key. Raises RingIsFull."""
    number = int(connection.execute(select(func.coalesce(func.max(link_keys.c.id), 0))).scalar_one()) + 1
    if number > MOST_LINK_KEYS:
        raise RingIsFull
    made = {"id": number, "secret": secrets.token_hex(32), "created_at": now_millis()}
    connection.execute(insert(link_keys).values(made))
    return number
