"""Returned: what came back of one mailing, for its report: bounces by what they share, and complaints."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select

from mailroom.ledger.deliveries.attention import WATCHED_LOOKED_AT, Group, Watched, groups
from mailroom.ledger.schema import deliveries
from mailroom.ledger.states import State


@dataclass(frozen=True, slots=True)
class Returned:
    """`looked_at`: so many bounces, the newest of them; `is_all`: there are no others."""

    looked_at: int
    is_all: bool
    by_domain: list[Group]
    by_reason: list[Group]


def of_mailing(connection: Connection, mailing_id: int) -> Returned:
    """However many there are, the newest WATCHED_LOOKED_AT are looked at."""
    subject, reply = literal(""), func.coalesce(deliveries.c.reply, "")
    row = (deliveries.c.id, deliveries.c.mailing_id, subject, deliveries.c.address, deliveries.c.code, reply)
    bounced = (deliveries.c.mailing_id == mailing_id, deliveries.c.trouble == State.BOUNCED)
    newest = select(*row, deliveries.c.troubled_at).where(*bounced).order_by(deliveries.c.id.desc())
    found = list(map(Watched._make, connection.execute(newest.limit(WATCHED_LOOKED_AT + 1)).all()))
    some = found[:WATCHED_LOOKED_AT]
    return Returned(len(some), len(some) == len(found), groups(some, "domain"), groups(some, "reason"))
