"""Deliveries by what a provider calls their mail: a field of ours that it tells, or its own id in its 250."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, select

from mailroom.database.sql.any_of import any_of
from mailroom.ledger.feedback import known
from mailroom.ledger.schema import deliveries, mailings

LATEST_LOOKED_AT = 1_000
"""Of one address: what a provider tells of is not years ago."""


class SentAs(NamedTuple):
    """`delivery_id` None: of a mailing that has one Message-ID for all."""

    mailing_id: int
    delivery_id: int | None


def of_uid(connection: Connection, uid: str, delivery_id: int | None) -> SentAs | None:
    mailing_id = connection.execute(select(mailings.c.id).where(mailings.c.uid == uid)).scalar_one_or_none()
    return None if mailing_id is None else SentAs(mailing_id, delivery_id)


def address_keys(connection: Connection, delivery_ids: Collection[int]) -> dict[int, str]:
    """Whom these deliveries went to (lower case)."""
    if not delivery_ids:
        return {}
    chosen = select(deliveries.c.id, deliveries.c.address_key).where(any_of(deliveries.c.id, "chosen"))
    rows = connection.execute(chosen, {"chosen": sorted(delivery_ids)})
    return {row.id: row.address_key for row in rows}


def named_by_relay(connection: Connection, address_key: str, own_id: str) -> SentAs | None:
    """The last mail to this address whose 2xx named `own_id`."""
    sent = known.sent_to(connection, [address_key], LATEST_LOOKED_AT) if address_key else []
    named = [one.of for one in sent if own_id in one.reply]
    last = max(named, key=lambda one: one.id, default=None)
    return None if last is None else SentAs(last.mailing_id, last.id)
