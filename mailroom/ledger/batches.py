"""Batches: gathered from what is due, leased to one worker, closed or reaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from mailroom.database import AnyRow, now_millis
from mailroom.ledger import counts, mailings, states
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


def gather(connection: Connection, mailing_id: int, most: int) -> list[Gathered]:
    """Takes up to `most` batches out of what is due of one mailing.

    Its row is locked first: whoever makes a delivery due meanwhile says so there, after us.
    """
    mailing = connection.execute(
        select(mailings_table.c.queue, mailings_table.c.route, mailings_table.c.max_sessions)
        .where(mailings_table.c.id == mailing_id, mailings_table.c.state == states.ACTIVE)
        .with_for_update()
    ).one_or_none()
    gathered: list[Gathered] = []
    if mailing is None:
        return gathered
    while len(gathered) < most:
        due = _due(connection, mailing_id)
        if not due:
            break
        gathered += [_batch(connection, mailing_id, mailing, chosen) for chosen in _split(due)]
    _note_next_due(connection, mailing_id)
    return gathered


def _due(connection: Connection, mailing_id: int) -> Sequence[AnyRow]:
    statement = (
        select(deliveries.c.id, deliveries.c.state, deliveries.c.deaths)
        .where(deliveries.c.mailing_id == mailing_id, deliveries.c.due_at <= now_millis())
        .order_by(deliveries.c.due_at, deliveries.c.id)
        .limit(SIZE)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(statement).all()


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
        "enqueued_at": now_millis(),
    }
    batch_id = connection.execute(insert(batches).values(values).returning(batches.c.id)).scalar_one()
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_([row.id for row in chosen]))
        .values(batch_id=batch_id, due_at=None)
    )
    counts.change(connection, counts.tally(((mailing_id, row.state) for row in chosen), -1))
    return Gathered(batch_id, 0, len(chosen), mailing.queue)


def _note_next_due(connection: Connection, mailing_id: int) -> None:
    earliest = select(func.min(deliveries.c.due_at)).where(
        deliveries.c.mailing_id == mailing_id, deliveries.c.due_at.is_not(None)
    )
    connection.execute(
        update(mailings_table)
        .where(mailings_table.c.id == mailing_id)
        .values(next_due_at=earliest.scalar_subquery())
    )


def claim(connection: Connection, batch_id: int, epoch: int, owner: str) -> Lease | None:
    """The lease, or None when somebody else has the batch or it is gone."""
    row = connection.execute(
        update(batches)
        .where(batches.c.id == batch_id, batches.c.epoch == epoch, batches.c.owner.is_(None))
        .values(owner=owner, epoch=epoch + 1, lease_until=now_millis() + LEASE_MS)
        .returning(batches.c.queue, batches.c.route, batches.c.max_sessions)
    ).one_or_none()
    if row is None:
        return None
    of_batch = select(deliveries.c.mailing_id).where(deliveries.c.batch_id == batch_id)
    connection.execute(
        update(mailings_table)
        .where(mailings_table.c.id.in_(of_batch), mailings_table.c.started_at.is_(None))
        .values(started_at=now_millis())
    )
    return Lease(batch_id, epoch + 1, owner, row.queue, row.route, row.max_sessions)


def contents_of(connection: Connection, lease: Lease) -> Sequence[AnyRow]:
    """What is to be sent: id, mailing_id, address, name, variables, state, attempts, resends."""
    statement = select(
        deliveries.c.id,
        deliveries.c.mailing_id,
        deliveries.c.address,
        deliveries.c.name,
        deliveries.c.variables,
        deliveries.c.state,
        deliveries.c.attempts,
        deliveries.c.resends,
    ).where(deliveries.c.batch_id == lease.batch_id, deliveries.c.state.in_(states.WAITING))
    return connection.execute(statement.order_by(deliveries.c.id)).all()


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


def close(connection: Connection, lease: Lease, due_in_ms: int = 0) -> bool:
    """Ends the batch: what was not tried is due again in `due_in_ms`. False: it stays as it is.

    That is so when the batch was lost, or while the outcome of a marked delivery is not
    recorded: the batch is then reaped once its lease runs out.
    """
    marked = select(deliveries.c.id).where(
        deliveries.c.batch_id == lease.batch_id, deliveries.c.state == states.SENDING
    )
    if connection.execute(delete(batches).where(*owned(lease), ~marked.exists())).rowcount != 1:
        return False
    give_back(connection, lease.batch_id, due_in_ms)
    return True


def give_back(connection: Connection, batch_id: int, due_in_ms: int = 0) -> None:
    """Puts what the batch held back into the counters, and what was not sent among the due."""
    untouched = connection.execute(
        update(deliveries)
        .where(deliveries.c.batch_id == batch_id, deliveries.c.state.in_(states.WAITING))
        .values(batch_id=None, due_at=now_millis() + due_in_ms)
        .returning(deliveries.c.mailing_id, deliveries.c.state, deliveries.c.due_at)
    ).all()
    settled = connection.execute(
        select(deliveries.c.mailing_id, deliveries.c.state).where(deliveries.c.batch_id == batch_id)
    ).all()
    pairs = [(row.mailing_id, row.state) for row in (*untouched, *settled)]
    counts.change(connection, counts.tally(pairs))
    for mailing_id, due_at in sorted({row.mailing_id: row.due_at for row in untouched}.items()):
        mailings.look_again(connection, mailing_id, due_at)
    mailings.finish(connection, (mailing_id for mailing_id, _ in pairs))


def mailings_of(connection: Connection, lease: Lease) -> list[int]:
    """Ids of the mailings that this batch holds deliveries of."""
    statement = select(deliveries.c.mailing_id).where(deliveries.c.batch_id == lease.batch_id)
    return sorted(connection.execute(statement.distinct()).scalars())


def refill(connection: Connection, queue: str, mailing_ids: Iterable[int]) -> list[Gathered]:
    """Gathers more of these mailings, so that the queue does not run dry between two sweeps."""
    gathered: list[Gathered] = []
    room = READY - unclaimed(connection, queue)
    for mailing_id in mailing_ids:
        if room > len(gathered):
            gathered += gather(connection, mailing_id, room - len(gathered))
    return gathered


def unclaimed(connection: Connection, queue: str) -> int:
    """How many batches of this queue wait for a worker."""
    statement = select(func.count()).where(batches.c.queue == queue, batches.c.owner.is_(None))
    return int(connection.execute(statement).scalar_one())


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
