"""Outcomes: what became of a mailing's recipients, as a choice of whom to write to next."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from mailroom.ledger.consent.scopes import stops_not
from mailroom.ledger.deliveries.deliveries import Delivery, each
from mailroom.ledger.schema import deliveries, mailings
from mailroom.ledger.states import STATE_WORDS, State

NOT_BOUNCED = "not_bounced"
"""The mail server took it, and nothing came back: no bounce, no complaint, nobody who wants no more since."""

OUTCOMES = (*STATE_WORDS, NOT_BOUNCED)


def with_outcome(connection: Connection, mailing_id: int, outcome: str) -> Iterator[Delivery]:
    """Its deliveries that are in that state now, or NOT_BOUNCED, in the order they were given."""
    if outcome != NOT_BOUNCED:
        return each(connection, mailing_id, STATE_WORDS[outcome])
    # Its one row beside each of its deliveries; a plain = of the two would undo what
    # database/sql/of_one.py does.
    its_mailing = (mailings.c.id == mailing_id) & (deliveries.c.mailing_id + 0 == mailings.c.id)
    nothing_came = deliveries.c.complained_at.is_(None) & stops_not()
    return each(connection, mailing_id, State.SENT, its_mailing & nothing_came)
