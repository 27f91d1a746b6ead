"""Keys that make a second submission get the first one's answer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, delete, select, text, update

from mailroom.database import NOW_MILLIS, AnyRow, now_millis
from mailroom.ledger.driven import Driven
from mailroom.ledger.schema import idempotency_keys, mailings

KEPT_MS = 24 * 3_600_000
"""How long a key is remembered."""

# What is past its time is taken over; in the way of what is not, it changes no row.
TAKEN = {
    dialect: Driven(
        text(
            "INSERT INTO idempotency_keys (scope, key, fingerprint, mailing_id, created_at)"
            f" VALUES (:scope, :key, :fingerprint, :mailing_id, {now})"
            " ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint,"
            " mailing_id = excluded.mailing_id, created_at = excluded.created_at, answer = NULL"
            f" WHERE idempotency_keys.created_at < excluded.created_at - {KEPT_MS}"
        )
    )
    for dialect, now in NOW_MILLIS.items()
}


def take(
    connection: Connection, scope: str, key: str, fingerprint: str, mailing_id: int | None
) -> AnyRow | None:
    """Takes the key for this mailing; or its earlier use: mailing_id, fingerprint, answer, state.

    Of several at once exactly one takes it: the others wait here for that one's commit.
    `mailing_id` is None for a submission of several mailings, whose `answer` follows.
    """
    values = {"scope": scope, "key": key, "fingerprint": fingerprint, "mailing_id": mailing_id}
    if TAKEN[connection.dialect.name].run(connection, **values) == 1:
        return None
    return connection.execute(_earlier(scope, key)).one()


def earlier(connection: Connection, scope: str, key: str) -> AnyRow | None:
    """The use of this key that is still remembered, if there is one; like `take`, without taking it."""
    recent = idempotency_keys.c.created_at >= now_millis() - KEPT_MS
    return connection.execute(_earlier(scope, key).where(recent)).one_or_none()


def remember(connection: Connection, scope: str, key: str, answer: str) -> None:
    """Keeps what a second submission is to be answered; in the transaction that took the key."""
    connection.execute(
        update(idempotency_keys)
        .where(idempotency_keys.c.scope == scope, idempotency_keys.c.key == key)
        .values(answer=answer)
    )


def forget_old(connection: Connection, limit: int = 1_000) -> int:
    """Deletes some keys that are past their time; how many."""
    old = select(idempotency_keys.c.scope, idempotency_keys.c.key).where(
        idempotency_keys.c.created_at < now_millis() - KEPT_MS
    )
    chosen = connection.execute(old.limit(limit)).all()
    for scope, key in chosen:
        _forget_old(connection, scope, key)
    return len(chosen)


def has_old(connection: Connection) -> bool:
    """Whether any key is past its time."""
    old = select(idempotency_keys.c.key).where(idempotency_keys.c.created_at < now_millis() - KEPT_MS)
    return connection.execute(old.limit(1)).one_or_none() is not None


def _earlier(scope: str, key: str) -> Select[Any]:
    return (
        select(
            idempotency_keys.c.mailing_id,
            idempotency_keys.c.fingerprint,
            idempotency_keys.c.answer,
            mailings.c.state,
        )
        .outerjoin(mailings, mailings.c.id == idempotency_keys.c.mailing_id)
        .where(idempotency_keys.c.scope == scope, idempotency_keys.c.key == key)
    )


def _forget_old(connection: Connection, scope: str, key: str) -> None:
    connection.execute(
        delete(idempotency_keys).where(
            idempotency_keys.c.scope == scope,
            idempotency_keys.c.key == key,
            idempotency_keys.c.created_at < now_millis() - KEPT_MS,
        )
    )
