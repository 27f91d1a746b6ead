"""Reconciling a ledger that was restored with what was sent since it was saved, while nothing is sent."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from mailroom.ledger import holding, moves, picking
from mailroom.ledger.feedback import mailed
from mailroom.ledger.moves import Step
from mailroom.ledger.schema import deliveries


class NotHeld(Exception):
    """Sending is not held: what is believed unsent may be on its way."""


def mark_sent(connection: Connection, ids: Collection[int], words: str) -> int:
    """Those of them that the ledger believes unsent are sent, it is told why. How many. Raises NotHeld."""
    if holding.present(connection) is None:
        raise NotHeld
    mailed.lock(connection, ids)
    step = Step(moves.RECONCILE, values={"code": None, "reply": words})
    picked = picking.pick(connection, deliveries.c.id.in_(sorted(ids)))
    return len(moves.apply(connection, [(row, step) for row in picked]))
