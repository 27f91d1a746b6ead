"""A kept draft becomes a mailing, in the transaction that accepts it: it can become one only."""

from __future__ import annotations

from sqlalchemy import Connection

from mailroom.engine.accept.submission import Replayed
from mailroom.ledger.drafts import stored


def turn_into(connection: Connection, uid: str, mailing_id: int) -> None:
    """Raises Replayed when it became one before, whoever sent it."""
    earlier = stored.turn_into(connection, uid, mailing_id)
    if earlier is not None:
        raise Replayed(earlier)
