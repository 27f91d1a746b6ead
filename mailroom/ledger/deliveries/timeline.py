"""The marks of a mailing's timeline: all of a small mailing, an even sample of a large one."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    case,
    select,
    type_coerce,
)

from mailroom.database.sql.any_of import any_of
from mailroom.database.sql.of_one import of_one
from mailroom.ledger.moves import MOVES
from mailroom.ledger.schema import deliveries, reports, sessions
from mailroom.ledger.states import State

TIMELINE_ROWS = 1_500
"""Rows read for one picture, however many deliveries there are."""

SIDE_BY_SIDE = 5
"""So many of them stand beside each other, on one page of the database: to find a page is what takes time.
They were sent at about the same time, by several sessions.
"""

DRAWN = {State.SENDING, State.BOUNCED, *(move.after for move in MOVES if State.SENDING in move.before)}
"""The states in which a mail's last change was the end of its time on the wire; of what came back its report
tells that.
"""


DRAWN_WORDS = {state.value: state for state in DRAWN}


class Mark(NamedTuple):
    """One mail's time on the wire, in milliseconds since the epoch."""

    worker: str
    session: int
    number: int  # its place in the mailing, from 1
    state: State
    begun: int
    ended: int


class Ends(NamedTuple):
    """The ids of a mailing's first and last delivery; None: it has none."""

    first: int | None
    last: int | None


def ends_of(connection: Connection, mailing_id: int) -> Ends:
    return Ends(*connection.execute(FIND_ENDS, {"of_mailing": mailing_id}).one())


def marks_of(
    connection: Connection, mailing_id: int, total: int, now: int, ends: Ends | None = None
) -> tuple[list[Mark], float]:
    """The marks, and how many mails each of them stands for. `ends`: for who has asked for them before."""
    first, last = ends or (ends_of(connection, mailing_id) if total > TIMELINE_ROWS else Ends(None, None))
    if total > TIMELINE_ROWS and first is not None and last is not None:
        weight = max(1.0, (last - first + 1) / TIMELINE_ROWS)
        rows = connection.execute(FIND_SAMPLE, {"sample": _sample(first, weight)}).all()
    else:
        weight, rows = 1.0, connection.execute(FIND_ALL, {"of_mailing": mailing_id}).all()
    marks = [
        Mark(worker, session, number, state, marked_at, _end(state, marked_at, updated_at, now))
        for number, (worker, session, word, marked_at, updated_at, whose) in enumerate(rows, start=1)
        if worker is not None and marked_at is not None and updated_at is not None
        if (state := DRAWN_WORDS.get(word)) is not None and whose == mailing_id
    ]
    return marks, weight


def _sample(first: int, weight: float) -> list[int]:
    """TIMELINE_ROWS ids, in groups that are as far from each other as their rows stand for."""
    groups = (first + int(place * weight) for place in range(0, TIMELINE_ROWS, SIDE_BY_SIDE))
    return [id for group in groups for id in range(group, group + SIDE_BY_SIDE)]


def _end(state: State, marked_at: int, updated_at: int, now: int) -> int:
    return max(marked_at, now if state is State.SENDING else updated_at)


def _marked(chosen: ColumnElement[bool]) -> Select[Any]:
    is_bounced, has_ended = deliveries.c.state == State.BOUNCED, reports.c.taken_at.is_not(None)
    return (
        select(
            sessions.c.worker,
            sessions.c.number,
            type_coerce(deliveries.c.state, Text),  # a member of each would take as long as to read them
            deliveries.c.marked_at,
            case((is_bounced, reports.c.taken_at), else_=deliveries.c.updated_at),
            deliveries.c.mailing_id,
        )
        .outerjoin(sessions, sessions.c.id == deliveries.c.session_id)
        .outerjoin(reports, is_bounced & (reports.c.delivery_id == deliveries.c.id) & has_ended)
        .where(chosen)
        .order_by(deliveries.c.id)
    )


def _end_of_mailing(*, from_the_end: bool) -> Any:
    ids = select(deliveries.c.id)
    ids = of_one(ids, deliveries.c.mailing_id, DRAWN_MAILING, deliveries.c.id, from_the_end=from_the_end)
    return ids.limit(1).scalar_subquery()


DRAWN_MAILING = bindparam("of_mailing", type_=BigInteger)
FIND_ENDS = select(_end_of_mailing(from_the_end=False), _end_of_mailing(from_the_end=True))
FIND_ALL = _marked(deliveries.c.mailing_id == DRAWN_MAILING)
FIND_SAMPLE = _marked(any_of(deliveries.c.id, "sample", is_long=True))
"""Whose else they are is not asked there: PostgreSQL would expect a few rows, and join them one by one."""
