"""Suppression list: addresses that must not be mailed, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, delete, func, select

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.upsert import insert_once
from mailroom.ledger.schema import suppressions

REASONS = ("manual", "unsubscribed", "bounced", "complained")

ADDRESSES_AT_ONCE = 500
"""Rows a statement: a database takes only so many parameters."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address (lower case) on the list."""

    address_key: str
    reason: str
    note: str
    created_at: datetime


def add(connection: Connection, address_keys: Iterable[str], reason: str = "manual", note: str = "") -> int:
    """Puts these on the list; says how many were not there yet. From their next mark on they get no mail."""
    created_at = from_millis(clock.now(connection))
    same = {"reason": reason, "note": note, "created_at": created_at}
    keys, added = iter(dict.fromkeys(address_keys)), 0
    while some := list(islice(keys, ADDRESSES_AT_ONCE)):
        added += insert_once(connection, suppressions, [{"address_key": key, **same} for key in some])
    return added


def remove(connection: Connection, address_key: str) -> bool:
    """Takes it off the list. What was suppressed stays so, unless somebody retries it."""
    gone = delete(suppressions).where(suppressions.c.address_key == address_key)
    return connection.execute(gone).rowcount == 1


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(suppressions)).scalar_one())


def page(
    connection: Connection, after: str | None = None, words: str = "", limit: int = 100
) -> list[Suppression]:
    """The next `limit` in alphabetical order, those containing `words` only."""
    statement = select(suppressions).order_by(suppressions.c.address_key)
    if after is not None:
        statement = statement.where(suppressions.c.address_key > after)
    if words:
        statement = statement.where(suppressions.c.address_key.contains(words.lower(), autoescape=True))
    return [Suppression(*row) for row in connection.execute(statement.limit(limit))]
