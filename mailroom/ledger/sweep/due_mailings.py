"""Due mailings: whose time has come, and which are to be ended."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Connection, bindparam, select, update

from mailroom.database.clock import NOW, now_millis
from mailroom.database.statement import Statement
from mailroom.ledger.schema import mailings
from mailroom.ledger.states import MailingState, State
from mailroom.ledger.sweep import rounds


def _may_start() -> Any:
    """Not because something of it is due that was under way when its sending hours ended."""
    return _is_time(MailingState.SCHEDULED) & (
        mailings.c.send_at.is_(None) | (mailings.c.send_at <= now_millis())
    )


def _is_time(*chosen: MailingState) -> Any:
    """Of these states, and with something due."""
    return mailings.c.state.in_(chosen) & (mailings.c.next_due_at <= NOW)


_AT_MOST: BindParameter[int] = bindparam("at_most", type_=BigInteger)
_GAP_MS: BindParameter[int] = bindparam("gap_ms", type_=BigInteger)
FIND_SCHEDULED = Statement(select(mailings.c.id).where(_may_start()).limit(1))
DUE = (
    select(mailings.c.id)
    .where(_is_time(MailingState.ACTIVE), mailings.c.queue == bindparam("in_queue"))
    .order_by(mailings.c.next_due_at)
    .limit(_AT_MOST)
)
FIND_DUE = Statement(DUE)

IS_CANCELED = mailings.c.state == MailingState.CANCELED
# Not when the clock was set in the middle of a round: the next one lets nothing expire by that.
IS_PAST_ITS_TIME = (
    (mailings.c.state == MailingState.ACTIVE)
    & (mailings.c.expires_at <= now_millis())
    & ~rounds.is_late(_GAP_MS)
)
FIND_TO_BE_ENDED = Statement(
    select(mailings.c.id, IS_CANCELED)
    .where(_is_time(MailingState.ACTIVE, MailingState.CANCELED), IS_PAST_ITS_TIME | IS_CANCELED)
    .limit(_AT_MOST)
)


def scheduled_are_due(connection: Connection) -> bool:
    return FIND_SCHEDULED.one(connection) is not None


def start_scheduled(connection: Connection) -> int:
    """Makes active every scheduled mailing whose time has come, however late."""
    started = update(mailings).where(_may_start()).values(state=MailingState.ACTIVE)
    return connection.execute(started).rowcount


def due(connection: Connection, queue: str, limit: int, without: Collection[str] = ()) -> list[int]:
    """Ids of mailings that may have deliveries to be gathered, those that waited longest first.

    `without`: routes on which nothing can go at present.
    """
    if not without:
        return [id for (id,) in FIND_DUE.all(connection, in_queue=queue, at_most=limit)]
    elsewhere = DUE.where(mailings.c.route.not_in(without))
    return list(connection.execute(elsewhere, {"in_queue": queue, "at_most": limit}).scalars())


def to_be_ended(connection: Connection, limit: int) -> list[tuple[int, State]]:
    """(id, final state of its waiting deliveries): canceled mailings, and those whose time is over."""
    rows = FIND_TO_BE_ENDED.all(connection, at_most=limit, gap_ms=rounds.GAP_MS)
    return [(row[0], State.CANCELED if row[1] else State.EXPIRED) for row in rows]
