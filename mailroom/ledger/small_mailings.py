"""Mailings that fit into one batch, which is nearly all: each row is written once, as it shall stay.

Larger ones are staged, filled and activated (mailings.py), then gathered (gathering.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, literal, select

from mailroom.database.any_of import any_of
from mailroom.database.clock import now_millis
from mailroom.database.statement import Statement
from mailroom.ledger.schema import deliveries, mailings, suppressions

_once = select(literal(1).label("one")).subquery()
LOOK = Statement(
    select(now_millis(), suppressions.c.address_key).select_from(
        _once.outerjoin(suppressions, any_of(suppressions.c.address_key, "address_keys"))
    )
)
MAILING = Statement(
    insert(mailings).returning(mailings.c.id),
    (
        *("uid", "kind", "state", "queue", "user_id", "program_id", "sender_address", "sender_name"),
        *("subject", "message_id", "total", "duplicates", "queued", "suppressed", "if_unknown", "route"),
        *("max_sessions", "created_at", "accept_ms", "send_at", "expires_at", "next_due_at"),
    ),
)
DELIVERY = Statement(
    insert(deliveries).inline(),
    (
        *("mailing_id", "address", "address_key", "name", "role", "variables"),
        *("state", "due_at", "batch_id", "updated_at"),
    ),
)


def look(connection: Connection, address_keys: Sequence[str]) -> tuple[int, set[str]]:
    """The time by the ledger's clock (milliseconds), and which of these addresses are suppressed."""
    rows = LOOK.all(connection, address_keys=address_keys)
    return rows[0][0], {key for _, key in rows if key is not None}


def insert_mailing(connection: Connection, values: Mapping[str, Any]) -> int:
    """Writes a mailing in its state for good; its id."""
    row = MAILING.one(connection, **values)
    assert row is not None
    return int(row[0])


def insert_deliveries(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds these, in their order."""
    if len(rows) == 1:
        DELIVERY.run(connection, **rows[0])
    else:
        DELIVERY.run_each(connection, rows)
