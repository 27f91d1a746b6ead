"""Canary release: the first recipients of a mailing go before the others, which are held back until somebody
lets them go, or until a time.

Who is held back is due since HELD_BACK, before everything else: so gathering passes them by with the lower
bound of its index, and to let them go is one UPDATE, however many they are.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, case, func, type_coerce, update

from mailroom.database.clock import now_millis
from mailroom.database.telling import tell
from mailroom.ledger.schema import mailings
from mailroom.ledger.states import states_with

HELD_BACK = -1
"""Their `due_at`: no clock says so, and none that is set moves it."""


def _millis(column: ColumnElement[Any]) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)


_RELEASE_AT = _millis(mailings.c.release_at)
_BEGAN_AT = _millis(func.coalesce(mailings.c.send_at, mailings.c.created_at))


def _holds_back() -> ColumnElement[bool]:
    return mailings.c.canary.is_not(None) & (_RELEASE_AT.is_(None) | (now_millis() < _RELEASE_AT))


def due_after() -> ColumnElement[int]:
    """SQL, of a mailing: what is due later than this may go."""
    return case((_holds_back(), HELD_BACK), else_=HELD_BACK - 1)


def seen_due(due_at: ColumnElement[int]) -> ColumnElement[int]:
    """SQL, of a mailing: since when a delivery of it waits, held back or not."""
    return case((due_at == HELD_BACK, _millis(mailings.c.created_at)), else_=due_at)


def next_look(next_due: ColumnElement[Any]) -> ColumnElement[Any]:
    """SQL, of a mailing: when to look at it, where `next_due` is the next that may go now.

    While some are held back that is when these go, or expire, at the latest.
    """
    until = func.coalesce(_RELEASE_AT, _millis(mailings.c.expires_at))
    return case((~_holds_back(), next_due), (next_due < until, next_due), else_=until)


def begins_after(wait_ms: ColumnElement[int]) -> ColumnElement[int]:
    """SQL, of a mailing that is about to begin: so long after that."""
    send_at = _millis(mailings.c.send_at)
    return case((send_at > now_millis(), send_at), else_=now_millis()) + wait_ms


def release(connection: Connection, mailing_id: int) -> bool:
    """Lets those go that are held back, with all the time that the mailing was given. False: nobody is.

    Of one that is scheduled or paused they go with the first.
    """
    has_begun = now_millis() >= _BEGAN_AT
    may_go = mailings.c.ended_at.is_(None) & mailings.c.state.in_(states_with("cancel"))
    given = _millis(mailings.c.expires_at) - _BEGAN_AT
    released = (
        update(mailings)
        .where(mailings.c.id == mailing_id, may_go, _holds_back())
        .values(
            release_at=now_millis(),
            next_due_at=case((has_begun, now_millis()), else_=_millis(mailings.c.next_due_at)),
            expires_at=case((has_begun, now_millis() + given), else_=_millis(mailings.c.expires_at)),
        )
    )
    if connection.execute(released).rowcount != 1:
        return False
    tell(connection, "a mailing is changed", mailing=mailing_id, action="release")
    return True
