"""Batches: gathered from what is due, leased to one worker, closed or reaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, delete, func, insert, select, update

from mailroom.database import AnyRow, now_millis
from mailroom.ledger import counts, mailings, states, webhooks
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.schema import mailings as mailings_table

SIZE = 100
"""The most deliveries that one batch holds."""

LEASE_MS = 30_000
"""How long a worker that says nothing keeps its batch. It renews every third of it."""

READY = 20
"""How many unclaimed batches of a queue are kept ready; more wait in the ledger, unbatched."""

TRIED_ALONE = 2
"""A delivery during which so many workers died gets a batch of its own."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A batch that is in the ledger and waits to be enqueued."""

    id: int
    epoch: int
    size: int
    queue: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send a batch: whoever writes shows it, and without it nothing is written."""

    batch_id: int
    epoch: int
    owner: str
    queue: str
    route: str
    max_sessions: int | None


# What every job executes is made once: to build a statement costs more than to execute it.
OF_BATCH = deliveries.c.batch_id == bindparam("of_batch", type_=BigInteger)
OF_MAILING = mailings_table.c.id == bindparam("of_mailing", type_=BigInteger)

GATHERED_FROM = (
    select(mailings_table.c.queue, mailings_table.c.route, mailings_table.c.max_sessions)
    .where(OF_MAILING, mailings_table.c.state == states.ACTIVE)
    .with_for_update()
)
DUE = (
    select(deliveries.c.id, deliveries.c.state, deliveries.c.deaths)
    .where(deliveries.c.mailing_id == bindparam("of_mailing"), deliveries.c.due_at <= now_millis())
    .order_by(deliveries.c.due_at, deliveries.c.id)
    .limit(SIZE)
    .with_for_update(skip_locked=True)
)
NEW = insert(batches).values(enqueued_at=now_millis()).returning(batches.c.id)
TAKEN = (
    update(deliveries)
    .where(deliveries.c.id.in_(bindparam("chosen", expanding=True)))
    .values(batch_id=bindparam("by_batch"), due_at=None)
)
NEXT_DUE = (
    update(mailings_table)
    .where(OF_MAILING)
    .values(
        next_due_at=select(func.min(deliveries.c.due_at))
        .where(deliveries.c.mailing_id == bindparam("of_mailing"), deliveries.c.due_at.is_not(None))
        .scalar_subquery()
    )
)
CLAIMED = (
    update(batches)
    .where(
        batches.c.id == bindparam("of_batch"),
        batches.c.epoch == bindparam("of_epoch"),
        batches.c.owner.is_(None),
    )
    .values(
        owner=bindparam("by_owner"),
        epoch=batches.c.epoch + 1,
        lease_until=now_millis() + bindparam("for_ms", type_=BigInteger),
    )
    .returning(batches.c.queue, batches.c.route, batches.c.max_sessions)
)
STARTED = (
    update(mailings_table)
    .where(
        mailings_table.c.id.in_(select(deliveries.c.mailing_id).where(OF_BATCH)),
        mailings_table.c.started_at.is_(None),
    )
    .values(started_at=now_millis())
)
CONTENTS = (
    select(
        deliveries.c.id,
        deliveries.c.mailing_id,
        deliveries.c.address,
        deliveries.c.name,
        deliveries.c.variables,
        deliveries.c.state,
        deliveries.c.attempts,
        deliveries.c.resends,
    )
    .where(
        OF_BATCH,
        deliveries.c.state.in_(states.WAITING),
        select(mailings_table.c.id)
        .where(mailings_table.c.id == deliveries.c.mailing_id, mailings_table.c.state == states.ACTIVE)
        .exists(),
    )
    .order_by(deliveries.c.id)
)
CLOSED = delete(batches).where(
    batches.c.id == bindparam("of_batch"),
    batches.c.epoch == bindparam("of_epoch"),
    batches.c.owner == bindparam("by_owner"),
    ~select(deliveries.c.id).where(OF_BATCH, deliveries.c.state == states.SENDING).exists(),
)
BEGAN_AT = func.coalesce(mailings_table.c.send_at, mailings_table.c.created_at)
GIVEN_BACK = (  # due now when it began later than now: the clock was set back meanwhile
    update(deliveries)
    .where(OF_BATCH, deliveries.c.state.in_(states.WAITING))
    .values(
        batch_id=None,
        due_at=select(case((now_millis() < BEGAN_AT, now_millis()), else_=BEGAN_AT))
        .where(mailings_table.c.id == deliveries.c.mailing_id)
        .scalar_subquery(),
    )
    .returning(deliveries.c.mailing_id, deliveries.c.state, deliveries.c.due_at)
)
SETTLED = (
    select(deliveries.c.mailing_id, deliveries.c.state, func.count())
    .where(OF_BATCH)
    .group_by(deliveries.c.mailing_id, deliveries.c.state)
)
# One delivery tells whose a batch of a bulk mailing is: only single mails share one.
WHOSE = (
    select(deliveries.c.mailing_id)
    .where(deliveries.c.batch_id == batches.c.id)
    .limit(1)
    .correlate(batches)
    .scalar_subquery()
)
OTHERS = (
    select(batches.c.id)
    .where(
        batches.c.queue == bindparam("in_queue"),
        batches.c.owner.is_(None),
        WHOSE != bindparam("of_mailing"),
    )
    .limit(1)
)
UNCLAIMED = select(func.count()).where(batches.c.queue == bindparam("in_queue"), batches.c.owner.is_(None))

OF_THESE_DUE = select(mailings_table.c.id).where(
    mailings_table.c.id.in_(bindparam("chosen", expanding=True)),
    mailings_table.c.next_due_at <= now_millis(),
)


def gather(connection: Connection, mailing_id: int, most: int) -> list[Gathered]:
    """Takes up to `most` batches out of what is due of one mailing.

    Its row is locked first: whoever makes a delivery due meanwhile says so there, after us.
    """
    mailing = connection.execute(GATHERED_FROM, {"of_mailing": mailing_id}).one_or_none()
    gathered: list[Gathered] = []
    if mailing is None:
        return gathered
    while len(gathered) < most:
        due = _due(connection, mailing_id)
        if not due:
            break
        gathered += [_batch(connection, mailing_id, mailing, chosen) for chosen in _split(due)]
        if len(due) < SIZE:
            break
    connection.execute(NEXT_DUE, {"of_mailing": mailing_id})
    return gathered


def _due(connection: Connection, mailing_id: int) -> Sequence[AnyRow]:
    return connection.execute(DUE, {"of_mailing": mailing_id}).all()


def _split(due: Sequence[AnyRow]) -> list[list[AnyRow]]:
    alone = [[row] for row in due if row.deaths >= TRIED_ALONE]
    together = [row for row in due if row.deaths < TRIED_ALONE]
    return [*([together] if together else []), *alone]


def _batch(connection: Connection, mailing_id: int, mailing: AnyRow, chosen: list[AnyRow]) -> Gathered:
    values = {
        "queue": mailing.queue,
        "size": len(chosen),
        "route": mailing.route,
        "max_sessions": mailing.max_sessions,
    }
    batch_id = connection.execute(NEW, values).scalar_one()
    connection.execute(TAKEN, {"by_batch": batch_id, "chosen": [row.id for row in chosen]})
    counts.change(connection, counts.tally(((mailing_id, row.state) for row in chosen), -1))
    return Gathered(batch_id, 0, len(chosen), mailing.queue)


def claim(connection: Connection, batch_id: int, epoch: int, owner: str) -> Lease | None:
    """The lease, or None when somebody else has the batch or it is gone."""
    values = {"of_batch": batch_id, "of_epoch": epoch, "by_owner": owner, "for_ms": LEASE_MS}
    row = connection.execute(CLAIMED, values).one_or_none()
    if row is None:
        return None
    connection.execute(STARTED, {"of_batch": batch_id})
    return Lease(batch_id, epoch + 1, owner, row.queue, row.route, row.max_sessions)


def contents_of(connection: Connection, lease: Lease) -> Sequence[AnyRow]:
    """What is to be sent: id, mailing_id, address, name, variables, state, attempts, resends.

    Nothing of a mailing that was paused or canceled after this batch was gathered.
    """
    return connection.execute(CONTENTS, {"of_batch": lease.batch_id}).all()


def renew(connection: Connection, lease: Lease) -> bool:
    """Keeps the batch for another lease. False: it is somebody else's now; stop."""
    statement = update(batches).where(*owned(lease)).values(lease_until=now_millis() + LEASE_MS)
    return connection.execute(statement).rowcount == 1


def owned(lease: Lease) -> tuple[Any, ...]:
    """The conditions under which a worker may still write: nobody took the batch from it.

    Its lease may have run out: until a sweeper comes, what it knows is welcome.
    """
    return (
        batches.c.id == lease.batch_id,
        batches.c.epoch == lease.epoch,
        batches.c.owner == lease.owner,
    )


def held(lease: Lease) -> tuple[Any, ...]:
    """The conditions under which a worker may begin something new."""
    return (*owned(lease), batches.c.lease_until > now_millis())


def close(connection: Connection, lease: Lease) -> bool:
    """Ends the batch: what was not tried is due again. False: it stays as it is.

    That is so when the batch was lost, or while the outcome of a marked delivery is not
    recorded: the batch is then reaped once its lease runs out.
    """
    values = {"of_batch": lease.batch_id, "of_epoch": lease.epoch, "by_owner": lease.owner}
    if connection.execute(CLOSED, values).rowcount != 1:
        return False
    give_back(connection, lease.batch_id)
    return True


def give_back(connection: Connection, batch_id: int) -> None:
    """Puts what the batch held back into the counters, and what was not sent among the due.

    It is due since its mailing began: so it goes before what was never gathered.
    """
    untouched = connection.execute(GIVEN_BACK, {"of_batch": batch_id}).all()
    found = counts.tally((row.mailing_id, row.state) for row in untouched)
    for mailing_id, state, number in connection.execute(SETTLED, {"of_batch": batch_id}):
        found[mailing_id][state] += number
    counts.change(connection, found)
    for mailing_id, due_at in sorted({row.mailing_id: row.due_at for row in untouched}.items()):
        mailings.look_again(connection, mailing_id, due_at)
    webhooks.note_sent(connection, batch_id)
    mailings.finish(connection, found)


def next_of(
    connection: Connection, lease: Lease, mailing_ids: Iterable[int]
) -> tuple[Lease | None, list[Gathered]]:
    """Gathers one more batch of these mailings for the worker that closed `lease`, and leases it.

    None while another mailing waits for a worker: then everybody takes turns at the queue.
    What had to be gathered apart from it is to be enqueued.
    """
    for mailing_id in sorted(mailing_ids):
        waiting = {"in_queue": lease.queue, "of_mailing": mailing_id}
        if connection.execute(OTHERS, waiting).one_or_none() is not None:
            return None, []
        if gathered := gather(connection, mailing_id, 1):
            first, *others = gathered
            return claim(connection, first.id, first.epoch, lease.owner), others
    return None, []


def refill(connection: Connection, queue: str, mailing_ids: Iterable[int]) -> list[Gathered]:
    """Gathers more of these mailings, so that the queue does not run dry between two sweeps."""
    gathered: list[Gathered] = []
    room = READY - unclaimed(connection, queue)
    if room < READY // 2:
        return gathered  # ten at once cost little more than two at once
    for mailing_id in connection.execute(OF_THESE_DUE, {"chosen": list(mailing_ids)}).scalars().all():
        if room > len(gathered):
            gathered += gather(connection, mailing_id, room - len(gathered))
    return gathered


def earliest_lease(connection: Connection, mailing_id: int) -> int | None:
    """When the first lease on a batch with deliveries of this mailing runs out; milliseconds."""
    live = select(batches.c.id).where(batches.c.owner.is_not(None))
    mine = select(deliveries.c.batch_id).where(
        deliveries.c.batch_id.in_(live), deliveries.c.mailing_id == mailing_id
    )
    earliest: int | None = connection.execute(
        select(func.min(batches.c.lease_until)).where(batches.c.id.in_(mine))
    ).scalar_one()
    return earliest


def unclaimed(connection: Connection, queue: str) -> int:
    """How many batches of this queue wait for a worker."""
    return int(connection.execute(UNCLAIMED, {"in_queue": queue}).scalar_one())


def forgotten(connection: Connection, after_ms: int, most: int = 200) -> list[Gathered]:
    """Batches enqueued more than `after_ms` ago that nobody claimed: Redis may have lost them."""
    rows = connection.execute(
        select(batches.c.id, batches.c.epoch, batches.c.size, batches.c.queue)
        .where(batches.c.owner.is_(None), batches.c.enqueued_at < now_millis() - after_ms)
        .order_by(batches.c.enqueued_at)
        .limit(most)
    )
    return [Gathered(*row) for row in rows]


def looked_for(connection: Connection, batch_ids: Iterable[int]) -> None:
    """Notes that these were looked for in the queue just now."""
    chosen = list(batch_ids)
    if chosen:
        connection.execute(update(batches).where(batches.c.id.in_(chosen)).values(enqueued_at=now_millis()))
