"""Unsubscribing by a link, and taking it back: what one link did, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, String, bindparam, delete, or_, select

from mailroom.database.clock import now_millis
from mailroom.database.engine import Database
from mailroom.database.sql.upsert import insert_once
from mailroom.database.statement import Statement
from mailroom.ledger.consent.scopes import ALL_MAIL, Scope
from mailroom.ledger.lists import consent as facts
from mailroom.ledger.schema import deliveries, mailings
from mailroom.ledger.schema import suppressions as table

UNSUBSCRIBED = "unsubscribed"


FIND_STANDING = Statement(
    select(table.c.sender, table.c.list_name, table.c.reason, table.c.delivery_id).where(
        table.c.address_key == bindparam("of_address", type_=String),
        or_(table.c.sender == "", table.c.sender == bindparam("of_sender", type_=String)),
    )
)


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
    of_mailing = select(deliveries.c.mailing_id).where(
        deliveries.c.id == of.delivery_id,
        # Of a ledger that was restored, the number may be somebody else's by now.
        deliveries.c.address_key == of.address_key,
    )
    row = {
        "address_key": of.address_key,
        **scope._asdict(),
        "reason": UNSUBSCRIBED,
        "note": "",
        "mailing_id": of_mailing.scalar_subquery(),
        "delivery_id": of.delivery_id,
        "evidence": evidence,
        "created_at": now_millis(),
    }
    is_new = insert_once(connection, table, [row])
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
    return _standing(of, FIND_STANDING.all(connection, **_about(of)))


def look(database: Database, of: Subscription) -> dict[Scope, bool]:
    """The same, by itself, in no transaction."""
    return _standing(of, database.look_all(FIND_STANDING, **_about(of)))


def _about(of: Subscription) -> dict[str, str]:
    return {"of_address": of.address_key, "of_sender": of.scope.sender}


def _standing(of: Subscription, rows: Sequence[Sequence[Any]]) -> dict[Scope, bool]:
    found = {
        Scope(sender, name): reason == UNSUBSCRIBED and delivery_id == of.delivery_id
        for sender, name, reason, delivery_id in rows
    }
    return {scope: is_own for scope, is_own in found.items() if scope in scopes_of(of)}


def scopes_of(of: Subscription) -> tuple[Scope, ...]:
    """What a link may unsubscribe from, the least first."""
    sender = Scope(of.scope.sender)
    return (of.scope, sender, ALL_MAIL) if of.scope.list_name else (sender, ALL_MAIL)
