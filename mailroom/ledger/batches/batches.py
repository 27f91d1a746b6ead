"""Batches: claimed by one worker, leased to it, closed or given back. gather.py makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, delete, func, select, true, update

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.sql.any_of import any_found
from mailroom.database.statement import Statement
from mailroom.ledger import holding, moves
from mailroom.ledger.batches.waiting_deliveries import IS_WAITING, OF_BATCH
from mailroom.ledger.mailings import counters
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import State
from mailroom.ledger.webhooks import webhook_events

LEASE_MS = 30_000
"""How long a worker that says nothing keeps its batch. It renews every third of it."""


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
    size: int  # deliveries, when it was taken
    is_tried_alone: bool  # it holds one delivery, during which a worker died before


CLAIM_BATCH = Statement(
    update(batches)
    .where(
        batches.c.id == bindparam("of_batch"),
        batches.c.epoch == bindparam("of_epoch"),
        batches.c.owner.is_(None),
        holding.is_free(),
    )
    .values(
        owner=bindparam("by_owner"),
        epoch=batches.c.epoch + 1,
        lease_until=now_millis() + bindparam("for_ms", type_=BigInteger),
        in_hand=case((batches.c.in_hand.is_not(None), true())),  # until its worker says more
    )
    # No `in_hand IS NOT NULL` here: in a RETURNING, SQLite 3.40 says so of every column.
    .returning(batches.c.queue, batches.c.route, batches.c.max_sessions, batches.c.size, batches.c.in_hand)
)
START_MAILINGS = Statement(
    update(mailings_table)
    .where(
        any_found(mailings_table.c.id, select(deliveries.c.mailing_id).where(OF_BATCH)),
        mailings_table.c.started_at.is_(None),
    )
    .values(started_at=now_millis())
)
CLOSE_BATCH = Statement(
    delete(batches).where(
        batches.c.id == bindparam("of_batch"),
        batches.c.epoch == bindparam("of_epoch"),
        batches.c.owner == bindparam("by_owner"),
        ~select(deliveries.c.id).where(OF_BATCH, deliveries.c.state == State.SENDING).exists(),
    )
)
BEGAN_AT = func.coalesce(mailings_table.c.send_at, mailings_table.c.created_at)
RETURN_UNTRIED = Statement(
    # due now when it began later than now: the clock was set back meanwhile
    update(deliveries)
    .where(OF_BATCH, IS_WAITING)
    .values(
        batch_id=None,
        due_at=select(case((now_millis() < BEGAN_AT, now_millis()), else_=BEGAN_AT))
        .where(mailings_table.c.id == deliveries.c.mailing_id)
        .scalar_subquery(),
    )
    .returning(deliveries.c.mailing_id, deliveries.c.state, deliveries.c.due_at)
)
COUNT_BATCH_STATES = Statement(
    select(deliveries.c.mailing_id, deliveries.c.state, func.count())
    .where(OF_BATCH)
    .group_by(deliveries.c.mailing_id, deliveries.c.state)
)


def claim(connection: Connection, batch_id: int, epoch: int, owner: str) -> Lease | None:
    """The lease, or None when somebody else has the batch, it is gone, or sending is held."""
    found = _claim(connection, batch_id, epoch, owner)
    pipeline.wait(connection)
    if (lease := found()) is not None:
        START_MAILINGS.do(connection, of_batch=batch_id)
    return lease


def claim_later(connection: Connection, batch: Gathered, owner: str) -> Callable[[], Lease | None]:
    """The same for one that this transaction made, of mailings that have started: to be had from what this
    returns.
    """
    return _claim(connection, batch.id, batch.epoch, owner)


def _claim(connection: Connection, batch_id: int, epoch: int, owner: str) -> Callable[[], Lease | None]:
    claimed = {"of_batch": batch_id, "of_epoch": epoch, "by_owner": owner, "for_ms": LEASE_MS}
    found = CLAIM_BATCH.later(connection, **claimed)

    def lease() -> Lease | None:
        for queue, route, max_sessions, size, in_hand in found():
            return Lease(batch_id, epoch + 1, owner, queue, route, max_sessions, size, in_hand is not None)
        return None

    return lease


def renew(connection: Connection, lease: Lease) -> bool:
    """Keeps the batch for another lease. False: it is somebody else's now; stop."""
    statement = update(batches).where(*owned(lease)).values(lease_until=now_millis() + LEASE_MS)
    return connection.execute(statement).rowcount == 1


def note_in_hand(connection: Connection, lease: Lease, in_hand: bool) -> None:
    """Notes whether something of it is being built or sent: only that is suspect when its worker dies.

    For batches in which a mail waits for long before it is begun, and for one that is tried alone.
    """
    connection.execute(update(batches).where(*owned(lease)).values(in_hand=in_hand))


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
    if not end(connection, lease):
        return False
    give_back(connection, lease.batch_id)
    return True


def end(connection: Connection, lease: Lease) -> bool:
    """The first half of `close`: the second, unless this is False, is `give_back`."""
    ended = {"of_batch": lease.batch_id, "of_epoch": lease.epoch, "by_owner": lease.owner}
    return CLOSE_BATCH.run(connection, **ended) == 1


def give_back(connection: Connection, batch_id: int) -> None:
    """Puts what the batch held back into the counters, and what was not sent among the due.

    It is due since its mailing began: so it goes before what was never gathered.
    """
    returned = RETURN_UNTRIED.later(connection, of_batch=batch_id)
    counted = COUNT_BATCH_STATES.later(connection, of_batch=batch_id)
    pipeline.wait(connection)
    untouched = returned()
    found = counters.tally((mailing_id, state) for mailing_id, state, _ in untouched)
    for mailing_id, state, number in counted():
        found[mailing_id][state] += number
    webhook_events.note_sent(connection, batch_id)
    moves.settle(connection, found, due={row[0]: row[2] for row in untouched})


def earliest_lease(connection: Connection, mailing_id: int) -> int | None:
    """When the first lease on a batch with deliveries of this mailing runs out; milliseconds."""
    live = select(batches.c.id).where(batches.c.owner.is_not(None))
    mine = select(deliveries.c.batch_id).where(
        any_found(deliveries.c.batch_id, live),
        deliveries.c.mailing_id + 0 == mailing_id,  # see counters.py
    )
    earliest: int | None = connection.execute(
        select(func.min(batches.c.lease_until)).where(batches.c.id.in_(mine))
    ).scalar_one()
    return earliest


FIND_FORGOTTEN = Statement(
    select(batches.c.id, batches.c.epoch, batches.c.size, batches.c.queue)
    .where(
        batches.c.owner.is_(None),
        batches.c.enqueued_at < now_millis() - bindparam("after_ms", type_=BigInteger),
    )
    .order_by(batches.c.enqueued_at)
    .limit(bindparam("at_most", type_=BigInteger))
)


def forgotten(connection: Connection, after_ms: int, most: int = 200) -> list[Gathered]:
    """Batches enqueued more than `after_ms` ago that nobody claimed: Redis may have lost them."""
    rows = FIND_FORGOTTEN.all(connection, after_ms=after_ms, at_most=most)
    return [Gathered(*row) for row in rows]


def looked_for(connection: Connection, batch_ids: Iterable[int]) -> None:
    """Notes that these were looked for in the queue just now."""
    chosen = list(batch_ids)
    if chosen:
        connection.execute(update(batches).where(batches.c.id.in_(chosen)).values(enqueued_at=now_millis()))
