"""Unsubscribing by a link, and taking it back: what one link did, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import ALL_MAIL, Scope
from mailroom.ledger.lists import consent as facts
from mailroom.ledger.schema import deliveries, mailings
from mailroom.ledger.schema import suppressions as table

UNSUBSCRIBED = "unsubscribed"


class Subscription(NamedTuple):
    """What a link is about: an address (lower case), and the bulk mail that it came with."""

    delivery_id: int
    address_key: str
    scope: Scope


def of_delivery(connection: Connection, delivery_id: int) -> Subscription | None:
    """What a link of this delivery would be about; None: it is not in the ledger any more."""
    row = connection.execute(
        select(deliveries.c.address_key, mailings.c.sender_address, mailings.c.list_name)
        .join(mailings, mailings.c.id == deliveries.c.mailing_id)
        .where(deliveries.c.id == delivery_id)
    ).one_or_none()
    if row is None:
        return None
    return Subscription(delivery_id, row.address_key, Scope(row.sender_address.lower(), row.list_name))


def unsubscribe(connection: Connection, of: Subscription, scope: Scope, evidence: str) -> bool:
    """Notes that this address wants no more mail of `scope`; False: that is so already."""
    mailing_id = connection.execute(
        select(deliveries.c.mailing_id).where(
            deliveries.c.id == of.delivery_id,
            # Of a ledger that was restored, the number may be somebody else's by now.
            deliveries.c.address_key == of.address_key,
        )
    ).scalar_one_or_none()
    is_new = suppressions.add(
        connection,
        [of.address_key],
        UNSUBSCRIBED,
        scope=scope,
        mailing_id=mailing_id,
        delivery_id=of.delivery_id,
        evidence=evidence,
    )
    if is_new:
        facts.unsubscribed(connection, of.address_key, scope, evidence)
    return bool(is_new)


def take_back(connection: Connection, of: Subscription, scope: Scope) -> bool:
    """That was a mistake: what this very link noted is gone. False: it did not, or it is gone already."""
    gone = delete(table).where(
        table.c.address_key == of.address_key,
        table.c.sender == scope.sender,
        table.c.list_name == scope.list_name,
        table.c.reason == UNSUBSCRIBED,
        table.c.delivery_id == of.delivery_id,
    )
    is_gone = connection.execute(gone).rowcount > 0
    if is_gone:
        facts.taken_back(connection, of.address_key, scope, "by the link that had unsubscribed")
    return is_gone


def standing(connection: Connection, of: Subscription) -> dict[Scope, bool]:
    """The scopes in which this address gets nothing of what the link is about; whether the link noted it."""
    rows = connection.execute(
        select(table.c.sender, table.c.list_name, table.c.reason, table.c.delivery_id).where(
            table.c.address_key == of.address_key, table.c.sender.in_(("", of.scope.sender))
        )
    )
    found = {
        Scope(sender, name): reason == UNSUBSCRIBED and delivery_id == of.delivery_id
        for sender, name, reason, delivery_id in rows
    }
    return {scope: is_own for scope, is_own in found.items() if scope in scopes_of(of)}


def scopes_of(of: Subscription) -> tuple[Scope, ...]:
    """What a link may unsubscribe from, the least first."""
    sender = Scope(of.scope.sender)
    return (of.scope, sender, ALL_MAIL) if of.scope.list_name else (sender, ALL_MAIL)
