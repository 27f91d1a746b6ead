"""Idempotency keys: a second submission gets the first one's answer, or is told why there is none.

All raise KeyReused when the key was used for something else, StillUnderWay when its answer is to come.
"""

from __future__ import annotations

from sqlalchemy import Connection

from mailroom.database.engine import AnyRow
from mailroom.database.flight import Asked
from mailroom.engine.accept.draft import Idempotency, KeyReused, Replayed, StillUnderWay
from mailroom.ledger import states
from mailroom.ledger.mailings import idempotency


def to_take(key: Idempotency | None, mailing_id: int) -> list[Asked]:
    """The statement that takes it for this mailing; what it wrote is judged by taken()."""
    if key is None:
        return []
    values = {"scope": key.scope, "key": key.key, "fingerprint": key.fingerprint, "mailing_id": mailing_id}
    return [(idempotency.TAKE_KEY, values)]


def taken(connection: Connection, key: Idempotency, mailing_id: int, rows: int) -> None:
    """Raises Replayed when the same submission made a mailing before, and no row was written."""
    if rows == 1:
        return
    earlier = idempotency.taken_before(connection, key.scope, key.key, key.fingerprint, mailing_id)
    if earlier is not None:
        raise Replayed(mailing_of(earlier, key))


def mailing_of(earlier: AnyRow, key: Idempotency) -> int:
    """The mailing that the key's earlier use made."""
    _check(earlier, key)
    if earlier.mailing_id is None or earlier.state in (None, states.STAGED):
        raise StillUnderWay
    return int(earlier.mailing_id)


def answer_of(earlier: AnyRow, key: Idempotency) -> str:
    """What the key's earlier use, for several mailings, was answered."""
    _check(earlier, key)
    if earlier.answer is None:
        raise StillUnderWay
    return str(earlier.answer)


def _check(earlier: AnyRow, key: Idempotency) -> None:
    if earlier.fingerprint != key.fingerprint:
        raise KeyReused
