"""Insertion: the rows of new mailings and their deliveries, few or many.

Most mailings fit into one batch, and each of their rows is written once, as it shall stay. Larger ones
are staged, filled and activated (lifecycle.py), then gathered (gather.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, String, bindparam, insert, literal, select

from mailroom.database.clock import now_millis
from mailroom.database.sql.any_of import any_of
from mailroom.database.sql.bulk import BulkInsert
from mailroom.database.statement import Statement
from mailroom.ledger.consent.scopes import ALL_MAIL, Scope, reaches_audience
from mailroom.ledger.people.api_keys import KeyEnded, is_valid_now
from mailroom.ledger.people.sign_ins import SignInEnded, holds
from mailroom.ledger.schema import mailings, suppressions


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
    batch_id: int | None
    updated_at: int
    trouble: str | None
    troubled_at: int | None


class HandedInBy(NamedTuple):
    """The API key, or the hash of the browser's token, that hands in what is about to be written."""

    key_id: int = 0
    sign_in_hash: str = ""


BY_NOBODY = HandedInBy()

_once = select(literal(1).label("one")).subquery()
_key_is_valid = is_valid_now(bindparam("of_key", type_=BigInteger))
_sign_in_holds = holds(bindparam("of_sign_in", type_=String))
FIND_SUPPRESSED = Statement(
    select(now_millis(), _key_is_valid, _sign_in_holds, suppressions.c.address_key).select_from(
        _once.outerjoin(suppressions, any_of(suppressions.c.address_key, "address_keys") & reaches_audience())
    )
)
INSERT_MAILING = Statement(
    insert(mailings).returning(mailings.c.id),
    (
        *("uid", "kind", "state", "queue", "user_id", "program_id", "sender_address", "sender_name"),
        *("subject", "purpose", "list_name", "message_id", "total", "duplicates", "queued", "suppressed"),
        *(
            "if_unknown",
            "evidence_ms",
            "route",
            "max_sessions",
            "created_at",
            "accept_ms",
            "send_at",
            "expires_at",
        ),
        *("next_due_at", "staged_until", "canary", "hours", "closes_at", "id_secret"),
    ),
)
DELIVERIES = BulkInsert("deliveries", NewDelivery._fields)


def look(
    connection: Connection,
    address_keys: Sequence[str],
    audience: Scope = ALL_MAIL,
    by: HandedInBy = BY_NOBODY,
) -> tuple[int, set[str]]:
    """The time by the ledger's clock (milliseconds), and which of these addresses (some thousand at
    most) get no mail of this audience.

    Raises KeyEnded, or SignInEnded, when who hands it in may not any more.
    """
    of = {"of_sender": audience.sender, "of_list": audience.list_name}
    by_whom = {"of_key": by.key_id, "of_sign_in": by.sign_in_hash}
    rows = FIND_SUPPRESSED.all(connection, address_keys=address_keys, **of, **by_whom)
    now, is_valid, is_signed_in, _ = rows[0]
    if by.key_id and not is_valid:
        raise KeyEnded
    if by.sign_in_hash and not is_signed_in:
        raise SignInEnded
    return now, {row[-1] for row in rows if row[-1] is not None}


def insert_mailing(connection: Connection, values: Mapping[str, Any]) -> Callable[[], int]:
    """Writes a mailing, staged or in its state for good; its id is to be had from what it returns."""
    found = INSERT_MAILING.later(connection, **values)
    return lambda: int(found()[0][0])


def insert_deliveries(connection: Connection, rows: Sequence[NewDelivery]) -> None:
    """Adds these, in their order."""
    DELIVERIES.run(connection, rows)
