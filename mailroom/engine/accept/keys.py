"""Idempotency keys: a second submission gets the first one's answer, or is told why there is none.

All raise KeyReused when the key was used for something else, StillUnderWay when its answer is to come. A tick
of a repeat is one, too, that is kept for good.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from mailroom.engine.accept.submission import (
    Idempotency,
    KeyReused,
    NotAccepted,
    RepeatTick,
    Replayed,
    StillUnderWay,
    TickMade,
    TickNotDue,
)
from mailroom.ledger import states
from mailroom.ledger.mailings import idempotency
from mailroom.ledger.mailings.idempotency import Earlier
from mailroom.ledger.repeats import ticks
from mailroom.ledger.repeats.ticks import TakenTick

REFUSED_TICKS: dict[TakenTick, type[NotAccepted]] = {
    TakenTick.MADE: TickMade,
    TakenTick.NOT_DUE: TickNotDue,
    TakenTick.UNDER_WAY: StillUnderWay,
}


def take(connection: Connection, key: Idempotency | None, mailing_id: int) -> None:
    """Takes the key for this mailing. Raises Replayed when the same submission made one before."""
    if key is None:
        return
    before = idempotency.take(connection, key.scope, key.key, key.fingerprint, mailing_id)
    if before is not None:
        raise Replayed(mailing_of(before, key))


def take_tick(connection: Connection, tick: RepeatTick | None, mailing_id: int) -> None:
    """Takes a repeat's tick for this mailing. Raises TickMade, TickNotDue, StillUnderWay."""
    if tick is None:
        return
    taken = ticks.take(connection, tick.repeat_id, tick.at, mailing_id, by_hand=tick.by_hand)
    if taken in REFUSED_TICKS:
        raise REFUSED_TICKS[taken]


def earlier(connection: Connection, key: Idempotency | None) -> Callable[[], None]:
    """Looks for the same submission before anything is written for this one. What it returns raises Replayed
    if there is one; none that is made meanwhile is missed, for `take` follows.
    """
    if key is None:
        return lambda: None
    found = idempotency.look_later(connection, key.scope, key.key)

    def answer() -> None:
        if (before := found()) is not None:
            raise Replayed(mailing_of(before, key))

    return answer


def mailing_of(earlier: Earlier, key: Idempotency) -> int:
    """The mailing that the key's earlier use made."""
    _check(earlier, key)
    if earlier.mailing_id is None or earlier.state in (None, states.STAGED):
        raise StillUnderWay
    return int(earlier.mailing_id)


def answer_of(earlier: Earlier, key: Idempotency) -> str:
    """What the key's earlier use, for several mailings, was answered."""
    _check(earlier, key)
    if earlier.answer is None:
        raise StillUnderWay
    return str(earlier.answer)


def _check(earlier: Earlier, key: Idempotency) -> None:
    if earlier.fingerprint != key.fingerprint:
        raise KeyReused
