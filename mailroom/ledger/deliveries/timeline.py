"""The marks of a mailing's timeline: all of a small mailing, an even sample of a large one."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, case, select

from mailroom.database.any_of import any_of
from mailroom.database.of_one import of_one
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


class Mark(NamedTuple):
    """One mail's time on the wire, in milliseconds since the epoch."""

    worker: str
    session: int
    number: int  # its place in the mailing, from 1
    state: State
    begun: int
    ended: int


def marks_of(connection: Connection, mailing_id: int, total: int, now: int) -> tuple[list[Mark], float]:
    """The marks, and how many mails each of them stands for."""
    chosen, weight, sample = deliveries.c.mailing_id == mailing_id, 1.0, list[int]()
    if total > TIMELINE_ROWS:
        first, last = (_end_of(connection, mailing_id, from_the_end=end) for end in (False, True))
        weight = max(1.0, (last - first + 1) / TIMELINE_ROWS)
        # Whose else they are is not asked here: PostgreSQL would expect a few rows, and join them one by one.
        chosen, sample = any_of(deliveries.c.id, "sample"), _sample(first, weight)
    is_bounced, has_ended = deliveries.c.state == State.BOUNCED, reports.c.taken_at.is_not(None)
    rows = connection.execute(
        select(
            sessions.c.worker,
            sessions.c.number,
            deliveries.c.state,
            deliveries.c.marked_at,
            case((is_bounced, reports.c.taken_at), else_=deliveries.c.updated_at),
            deliveries.c.mailing_id,
        )
        .outerjoin(sessions, sessions.c.id == deliveries.c.session_id)
        .outerjoin(reports, is_bounced & (reports.c.delivery_id == deliveries.c.id) & has_ended)
        .where(chosen)
        .order_by(deliveries.c.id),
        {"sample": sample} if sample else {},
    ).all()
    marks = [
        Mark(worker, session, number, state, marked_at, _end(state, marked_at, updated_at, now))
        for number, (worker, session, state, marked_at, updated_at, whose) in enumerate(rows, start=1)
        if worker is not None and None not in (marked_at, updated_at) and state in DRAWN
        if whose == mailing_id
    ]
    return marks, weight


def _sample(first: int, weight: float) -> list[int]:
    """TIMELINE_ROWS ids, in groups that are as far from each other as their rows stand for."""
    groups = (first + int(place * weight) for place in range(0, TIMELINE_ROWS, SIDE_BY_SIDE))
    return [id for group in groups for id in range(group, group + SIDE_BY_SIDE)]


def _end_of(connection: Connection, mailing_id: int, *, from_the_end: bool) -> int:
    ids = select(deliveries.c.id)
    ids = of_one(ids, deliveries.c.mailing_id, mailing_id, deliveries.c.id, from_the_end=from_the_end)
    return int(connection.execute(ids.limit(1)).scalar_one())


def _end(state: State, marked_at: int, updated_at: int, now: int) -> int:
    return max(marked_at, now if state is State.SENDING else updated_at)
