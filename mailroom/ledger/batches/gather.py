"""Gathering: what is due of a mailing becomes batches, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    String,
    bindparam,
    func,
    insert,
    select,
    update,
)

from mailroom.database.clock import NOW, now_millis
from mailroom.database.connection import pipeline
from mailroom.database.sql import planner, sequences
from mailroom.database.sql.any_of import any_of
from mailroom.database.statement import Statement
from mailroom.ledger.batches.batches import Gathered, Lease, claim_later
from mailroom.ledger.mailings import canary, counters, windows
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import MailingState, State

SIZE = 100
"""The most deliveries that a batch holds which is gathered for anybody."""

FOLLOWING_SIZE = 500
"""The most that one holds which goes to whom it is gathered for. If sending is held at that moment it is
enqueued as it is, and anybody may take it.
"""


def fetched_at_once(*, is_remote: bool) -> int:
    """The most that one transaction takes for a worker. A ledger that is remote is asked less often, for
    more; on SQLite everybody else waits for the write lock meanwhile.
    """
    return FOLLOWING_SIZE if is_remote else SIZE


READY = 20
"""How many unclaimed batches of a queue are kept ready; more wait in the ledger, unbatched."""

TRIED_ALONE = 2
"""A delivery during which so many workers died gets a batch of its own; or one, if that had begun."""


class _Due(NamedTuple):
    id: int
    state: State
    deaths: int
    deaths_alone: int

    @property
    def is_tried_alone(self) -> bool:
        return self.deaths >= TRIED_ALONE or self.deaths_alone > 0


IS_MAILING_GATHERED = mailings_table.c.id == bindparam("of_mailing", type_=BigInteger)

# Of one that is found by its id, and not looked for among all that are active.
IS_ACTIVE = planner.without_its_index(mailings_table.c.state, "''") == MailingState.ACTIVE

LOCK_MAILING = Statement(
    select(mailings_table.c.queue, mailings_table.c.route, mailings_table.c.max_sessions)
    .where(IS_MAILING_GATHERED, IS_ACTIVE, windows.is_open())
    .with_for_update()
)
GATHER_DUE = Statement(
    select(deliveries.c.id, deliveries.c.state, deliveries.c.deaths, deliveries.c.deaths_alone)
    .where(
        deliveries.c.mailing_id == bindparam("of_mailing", type_=BigInteger),
        deliveries.c.due_at <= NOW,
        deliveries.c.due_at
        > select(canary.due_after()).where(IS_MAILING_GATHERED).correlate(None).scalar_subquery(),
    )
    .order_by(deliveries.c.due_at, deliveries.c.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_NEW = ("queue", "size", "route", "max_sessions", "in_hand")
INSERT_BATCH = Statement(insert(batches).values(enqueued_at=now_millis()).returning(batches.c.id), _NEW)
INSERT_RESERVED = Statement(insert(batches).values(enqueued_at=now_millis()), ("id", *_NEW))
TAKE_INTO_BATCH = Statement(
    update(deliveries)
    .where(any_of(deliveries.c.id, "chosen"))
    .values(batch_id=bindparam("by_batch", type_=BigInteger), due_at=None)
)
NOTE_NEXT_DUE = Statement(
    update(mailings_table)
    .where(IS_MAILING_GATHERED)
    .values(
        next_due_at=canary.next_look(
            select(canary.seen_due(deliveries.c.due_at))
            .where(
                deliveries.c.mailing_id == bindparam("of_mailing", type_=BigInteger),
                deliveries.c.due_at > canary.due_after(),
            )
            .order_by(deliveries.c.due_at)
            .limit(1)
            .correlate(mailings_table)
            .scalar_subquery()
        )
    )
)


def whose(batch: FromClause) -> ColumnElement[int]:
    """Whose a batch of a bulk mailing is: one delivery tells, as only single mails share one."""
    of_it = select(deliveries.c.mailing_id).where(deliveries.c.batch_id == batch.c.id)
    return of_it.limit(1).correlate(batch).scalar_subquery()


FIND_BATCH_OF_OTHERS = Statement(
    select(batches.c.id)
    .where(
        batches.c.queue == bindparam("in_queue", type_=String),
        batches.c.owner.is_(None),
        bindparam("of_mailing", type_=BigInteger) != whose(batches),
    )
    .limit(1)
)
COUNT_UNCLAIMED = Statement(
    select(func.count()).where(
        batches.c.queue == bindparam("in_queue", type_=String), batches.c.owner.is_(None)
    )
)
FIND_DUE_AMONG = Statement(
    select(mailings_table.c.id).where(
        any_of(mailings_table.c.id, "chosen"),
        mailings_table.c.next_due_at <= now_millis(),
    )
)


def gather(connection: Connection, mailing_id: int, most: int) -> list[Gathered]:
    """Takes up to `most` batches out of what is due of one mailing.

    Its row is locked first: whoever makes a delivery due meanwhile says so there, after us.
    """
    found = due_of(connection, mailing_id, SIZE, most)
    pipeline.wait(connection)
    return _take(connection, mailing_id, *found(), SIZE, most)


def due_of(
    connection: Connection, mailing_id: int, size: int, most: int
) -> Callable[[], tuple[list[tuple[Any, ...]], list[_Due]]]:
    """Locks the mailing and what is due of it; both are to be had from what this returns."""
    locked = LOCK_MAILING.later(connection, of_mailing=mailing_id)
    planner.read_in_order_of_an_index(connection)
    due = GATHER_DUE.later(connection, of_mailing=mailing_id, limit=size * most)
    return lambda: (locked(), [_Due(*row) for row in due()])


def _take(
    connection: Connection,
    mailing_id: int,
    mailings: list[tuple[Any, ...]],
    due: list[_Due],
    size: int,
    most: int,
) -> list[Gathered]:
    if not mailings:
        return []
    parts: list[list[_Due]] = []
    for first in range(0, len(due), size):
        if len(parts) < most:
            parts += _split(due[first : first + size])
    queue, route, max_sessions = mailings[0]
    made = []
    for part in parts:
        in_hand = False if part[0].is_tried_alone else None  # there its worker notes it
        made.append(new(connection, len(part), queue, route, max_sessions, in_hand))
    gathered = [batch() for batch in made]
    for batch, part in zip(gathered, parts, strict=True):
        TAKE_INTO_BATCH.do(connection, by_batch=batch.id, chosen=[row.id for row in part])
    taken = ((mailing_id, row.state) for part in parts for row in part)
    counters.change(connection, counters.tally(taken, -1))
    NOTE_NEXT_DUE.do(connection, of_mailing=mailing_id)
    return gathered


def _split(due: list[_Due]) -> list[list[_Due]]:
    alone = [[row] for row in due if row.is_tried_alone]
    together = [row for row in due if not row.is_tried_alone]
    return [*([together] if together else []), *alone]


def new(
    connection: Connection,
    size: int,
    queue: str,
    route: str,
    max_sessions: int | None,
    in_hand: bool | None = None,
    *,
    reserved: int | None = None,
) -> Callable[[], Gathered]:
    """A batch that nothing is in yet, by its `reserved` id if it has one; to be had from what it returns."""
    row = {
        "size": size,
        "queue": queue,
        "route": route,
        "max_sessions": max_sessions,
        "in_hand": in_hand,
    }
    if reserved is not None:
        INSERT_RESERVED.do(connection, id=reserved, **row)
        return lambda: Gathered(reserved, 0, size, queue)
    found = INSERT_BATCH.later(connection, **row)
    return lambda: Gathered(found()[0][0], 0, size, queue)


def reserve_later(connection: Connection) -> Callable[[], int | None]:
    """An id for a `new` one, where whoever makes it would wait for it."""
    return sequences.reserve_later(connection, batches.name)


class Following(NamedTuple):
    """A batch to go on with. `lease`: to be had after the transaction; None: sending is held meanwhile, and
    the batch is to be enqueued.
    """

    batch: Gathered
    lease: Callable[[], Lease | None]


def next_of(
    connection: Connection, lease: Lease, mailing_ids: Collection[int], size: int = SIZE
) -> tuple[Following | None, list[Gathered]]:
    """Gathers one more batch of these mailings for the worker that closed `lease`, and leases it.

    None while another mailing waits for a worker: then everybody takes turns at the queue.
    What had to be gathered apart from it is to be enqueued.
    """
    for mailing_id in sorted(mailing_ids):
        of_others = FIND_BATCH_OF_OTHERS.later(connection, in_queue=lease.queue, of_mailing=mailing_id)
        found = due_of(connection, mailing_id, size, 1)
        pipeline.wait(connection)
        if of_others():
            return None, []
        if gathered := _take(connection, mailing_id, *found(), size, 1):
            first, *others = gathered
            return Following(first, claim_later(connection, first, lease.owner)), others
    return None, []


def refill(connection: Connection, queue: str, mailing_ids: Collection[int]) -> list[Gathered]:
    """Gathers more of these mailings, so that the queue does not run dry between two sweeps."""
    gathered: list[Gathered] = []
    room = READY - unclaimed(connection, queue)
    if room < READY // 2:
        return gathered  # ten at once cost little more than two at once
    for (mailing_id,) in FIND_DUE_AMONG.all(connection, chosen=mailing_ids):
        if room > len(gathered):
            gathered += gather(connection, mailing_id, room - len(gathered))
    return gathered


def unclaimed(connection: Connection, queue: str) -> int:
    """How many batches of this queue wait for a worker."""
    row = COUNT_UNCLAIMED.one(connection, in_queue=queue)
    assert row is not None
    return int(row[0])
