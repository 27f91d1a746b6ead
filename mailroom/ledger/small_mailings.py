"""Mailings that fit into one batch, which is nearly all: each row is written once, as it shall stay.

Larger ones are staged, filled and activated (mailings.py), then gathered (gathering.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, text

from mailroom.database import NOW_MILLIS
from mailroom.ledger.driven import Driven
from mailroom.ledger.schema import deliveries, mailings

LOOK = {
    "sqlite": Driven(
        text(
            f"SELECT {NOW_MILLIS['sqlite']}, (SELECT json_group_array(address_key) FROM suppressions"
            " WHERE address_key IN (SELECT value FROM json_each(:keys)))"
        )
    ),
    "postgresql": Driven(
        text(
            f"SELECT {NOW_MILLIS['postgresql']},"
            " ARRAY(SELECT address_key FROM suppressions WHERE address_key = ANY(:keys))"
        )
    ),
}
MAILING = Driven(
    insert(mailings).returning(mailings.c.id),
    (
        *("uid", "kind", "state", "queue", "user_id", "program_id", "sender_address", "sender_name"),
        *("subject", "message_id", "total", "duplicates", "queued", "suppressed", "if_unknown", "route"),
        *("max_sessions", "created_at", "accept_ms", "send_at", "expires_at", "next_due_at"),
    ),
)
DELIVERY = Driven(
    insert(deliveries).inline(),
    (
        *("mailing_id", "address", "address_key", "name", "role", "variables"),
        *("state", "due_at", "batch_id", "updated_at"),
    ),
)


def look(connection: Connection, address_keys: Sequence[str]) -> tuple[int, set[str]]:
    """The time by the ledger's clock (milliseconds), and which of these addresses are suppressed."""
    dialect = connection.dialect.name
    keys = json.dumps(address_keys) if dialect == "sqlite" else list(address_keys)
    row = LOOK[dialect].one(connection, keys=keys)
    assert row is not None
    now, listed = row
    return now, set(json.loads(listed) if dialect == "sqlite" else listed)


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
