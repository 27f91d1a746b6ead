"""Idempotency keys: they make a second submission get the first one's answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    String,
    bindparam,
    delete,
    select,
    tuple_,
    type_coerce,
    update,
)

from mailroom.database.clock import now_millis
from mailroom.database.sql.upsert import Upsert
from mailroom.database.statement import Statement
from mailroom.ledger.mailings import staging
from mailroom.ledger.schema import idempotency_keys, mailings
from mailroom.ledger.states import MailingState

IDEMPOTENCY_KEPT_MS = 24 * 3_600_000
"""How long a key is remembered."""

IS_OLD = idempotency_keys.c.created_at < now_millis() - IDEMPOTENCY_KEPT_MS


# What is past its time is taken over; in the way of what is not, it changes no row.
def _taken(insert: Any) -> Any:
    given = insert.excluded
    return insert.values(
        scope=bindparam("scope"),
        key=bindparam("key"),
        fingerprint=bindparam("fingerprint"),
        mailing_id=bindparam("mailing_id"),
        created_at=now_millis(),
    ).on_conflict_do_update(
        index_elements=("scope", "key"),
        set_={
            "fingerprint": given.fingerprint,
            "mailing_id": given.mailing_id,
            "created_at": given.created_at,
            "answer": None,
        },
        where=IS_OLD,
    )


class Earlier(NamedTuple):
    """What a key was used for before."""

    mailing_id: int | None
    fingerprint: str
    answer: str | None
    state: MailingState | None  # of its mailing
    is_abandoned: bool
    is_old: bool


FIND_EARLIER = Statement(
    select(
        idempotency_keys.c.mailing_id,
        idempotency_keys.c.fingerprint,
        idempotency_keys.c.answer,
        mailings.c.state,
        staging.is_abandoned(),
        IS_OLD,
    )
    .outerjoin(mailings, mailings.c.id == idempotency_keys.c.mailing_id)
    .where(
        idempotency_keys.c.scope == bindparam("of_scope", type_=String),
        idempotency_keys.c.key == bindparam("of_key", type_=String),
    )
)
TAKE_KEY = Upsert(idempotency_keys, _taken)


def take(
    connection: Connection, scope: str, key: str, fingerprint: str, mailing_id: int | None
) -> Earlier | None:
    """Takes the key for this mailing; or its earlier use: mailing_id, fingerprint, answer, state.

    Of several at once exactly one takes it: the others wait here for that one's commit. From an
    acceptance that died, whatever it was of, it is taken over.
    `mailing_id` is None for a submission of several mailings, whose `answer` follows.
    """
    values = {"scope": scope, "key": key, "fingerprint": fingerprint, "mailing_id": mailing_id}
    if TAKE_KEY.run(connection, **values) == 1:
        return None
    found = _earlier(FIND_EARLIER.all(connection, of_scope=scope, of_key=key))
    assert found is not None
    if found.mailing_id is None or not (found.is_abandoned and staging.give_up(connection, found.mailing_id)):
        return found
    # Nobody else changes this row: on PostgreSQL our attempt has locked it.
    connection.execute(
        update(idempotency_keys)
        .where(idempotency_keys.c.scope == scope, idempotency_keys.c.key == key)
        .values(fingerprint=fingerprint, mailing_id=mailing_id, created_at=now_millis(), answer=None)
    )
    return None


def earlier(connection: Connection, scope: str, key: str) -> Earlier | None:
    """The use of this key that is still remembered, if there is one; like `take`, without taking it."""
    return look_later(connection, scope, key)()


def look_later(connection: Connection, scope: str, key: str) -> Callable[[], Earlier | None]:
    """The same, to be had from what it returns."""
    rows = FIND_EARLIER.later(connection, of_scope=scope, of_key=key)

    def answer() -> Earlier | None:
        found = _earlier(rows())
        return None if found is None or found.is_abandoned or found.is_old else found

    return answer


def remember(connection: Connection, scope: str, key: str, answer: str) -> None:
    """Keeps what a second submission is to be answered; in the transaction that took the key."""
    connection.execute(
        update(idempotency_keys)
        .where(idempotency_keys.c.scope == scope, idempotency_keys.c.key == key)
        .values(answer=answer)
    )


def forget_old(connection: Connection, limit: int = 1_000) -> int:
    """Deletes some keys that are past their time; how many."""
    name = tuple_(idempotency_keys.c.scope, idempotency_keys.c.key)
    some = _oldest(select(idempotency_keys.c.scope, idempotency_keys.c.key)).limit(limit)
    # Asked of each again: it may have been taken over meanwhile.
    return connection.execute(delete(idempotency_keys).where(name.in_(some), IS_OLD)).rowcount


def has_old(connection: Connection) -> bool:
    """Whether any key is past its time."""
    return FIND_OLD_KEY.one(connection) is not None


def _oldest(keys: Select[Any]) -> Select[Any]:
    """Those past their time. The clock is asked once: for each row, PostgreSQL would use no index."""
    before = select(now_millis() - IDEMPOTENCY_KEPT_MS).scalar_subquery()
    created_at = type_coerce(idempotency_keys.c.created_at, BigInteger)
    return keys.where(created_at < before).order_by(created_at)


FIND_OLD_KEY = Statement(_oldest(select(idempotency_keys.c.key)).limit(1))


def _earlier(rows: Sequence[tuple[Any, ...]]) -> Earlier | None:
    return Earlier(*rows[0]) if rows else None
