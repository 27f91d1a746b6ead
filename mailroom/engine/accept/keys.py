"""Idempotency keys: a second submission gets the first one's answer, or is told why there is none.

All raise KeyReused when the key was used for something else, StillUnderWay when its answer is to come.
"""

from __future__ import annotations

from sqlalchemy import Connection

from mailroom.database.engine import AnyRow
from mailroom.engine.accept.draft import Idempotency, KeyReused, Replayed, StillUnderWay
from mailroom.ledger import states
from mailroom.ledger.mailings import idempotency


def take(connection: Connection, key: Idempotency | None, mailing_id: int) -> None:
    """Takes the key for this mailing. Raises Replayed when the same submission made one before."""
    if key is None:
        return
    earlier = idempotency.take(connection, key.scope, key.key, key.fingerprint, mailing_id)
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
