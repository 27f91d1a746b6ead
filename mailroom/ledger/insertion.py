"""Deliveries of a large mailing, written many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from mailroom.database.bulk import BulkInsert


class NewDelivery(NamedTuple):
    """A row of `deliveries` to be. `variables`: as JSON, or None."""

    mailing_id: int
    address: str
    address_key: str
    name: str
    role: str
    variables: str | None
    state: str
    due_at: int | None
    updated_at: int


INSERT_DELIVERIES = BulkInsert("deliveries", NewDelivery._fields)


def insert_rows(connection: Connection, rows: Sequence[NewDelivery]) -> None:
    """Adds these, in their order."""
    INSERT_DELIVERIES.run(connection, rows)
