"""Addresses that must not be mailed, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from mailroom.database import now_millis
from mailroom.ledger.schema import suppressions

REASONS = ("manual", "unsubscribed", "bounced", "complained")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address (lower case) on the list."""

    address_key: str
    reason: str
    note: str
    created_at: datetime


def add(connection: Connection, address_key: str, reason: str = "manual", note: str = "") -> bool:
    """Puts an address on the list. False: it was there already, and stays as it was."""
    known = select(suppressions.c.address_key).where(suppressions.c.address_key == address_key)
    if connection.execute(known).one_or_none() is not None:
        return False
    values = {"address_key": address_key, "reason": reason, "note": note, "created_at": now_millis()}
    connection.execute(insert(suppressions).values(values))
    return True


def remove(connection: Connection, address_key: str) -> bool:
    gone = delete(suppressions).where(suppressions.c.address_key == address_key)
    return connection.execute(gone).rowcount == 1


def among(connection: Connection, address_keys: Iterable[str]) -> set[str]:
    """Which of these (at most some thousand at a time) are on the list."""
    statement = select(suppressions.c.address_key).where(suppressions.c.address_key.in_(list(address_keys)))
    return set(connection.execute(statement).scalars())


def page(
    connection: Connection, after: str | None = None, words: str = "", limit: int = 100
) -> list[Suppression]:
    """The next `limit` in alphabetical order, those containing `words` only."""
    statement = select(suppressions).order_by(suppressions.c.address_key).limit(limit)
    if after is not None:
        statement = statement.where(suppressions.c.address_key > after)
    if words:
        statement = statement.where(suppressions.c.address_key.contains(words.lower(), autoescape=True))
    return [Suppression(*row) for row in connection.execute(statement)]
