"""Growth: a batch takes more of its mailing while it is being sent, so that it need not end first.

What a batch holds it holds under its one lease, whenever it came: nothing else tells the two apart.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import BigInteger, Connection, Integer, String, bindparam, delete, func, select, update

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.sql import planner
from mailroom.database.sql.any_of import any_of
from mailroom.database.statement import Statement
from mailroom.ledger import holding
from mailroom.ledger.batches import gather
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery, waiting
from mailroom.ledger.mailings import counters
from mailroom.ledger.schema import batches, deliveries, mailings

GROWN_SIZE = 1_000
"""The most that a batch holds, with what was sent of it: pages count what is in such batches."""

# Locked: who ends or reaps it waits, and then finds what it has taken.
HOLD_BATCH = Statement(
    select(batches.c.id)
    .where(
        batches.c.id == bindparam("of_batch", type_=BigInteger),
        batches.c.epoch == bindparam("of_epoch", type_=Integer),
        batches.c.owner == bindparam("by_owner", type_=String),
        batches.c.lease_until > now_millis(),
        holding.is_free(),
    )
    .with_for_update()
)
NOTE_SIZE = Statement(
    update(batches)
    .where(batches.c.id == bindparam("of_batch", type_=BigInteger))
    .values(size=batches.c.size + bindparam("more", type_=BigInteger))
)
FIND_CHOSEN = Statement(waiting(any_of(deliveries.c.id, "chosen")))

# Of a batch that is tried alone `in_hand` is set: nobody's mail joins it, nor it anybody's.
_unclaimed = batches.alias()
# Not the first id of all that is in that batch: PostgreSQL would look from the ledger's first delivery on.
_first_id = select(func.min(planner.without_its_index(deliveries.c.id))).where(
    deliveries.c.batch_id == _unclaimed.c.id
)
_gone = (
    delete(batches)
    .where(
        batches.c.id
        == select(_unclaimed.c.id)
        .where(
            _unclaimed.c.queue == bindparam("in_queue", type_=String),
            _unclaimed.c.owner.is_(None),
            _unclaimed.c.in_hand.is_(None),
            select(mailings.c.id)
            .where(mailings.c.id == bindparam("of_mailing", type_=BigInteger), gather.IS_ACTIVE)
            .exists(),
            gather.whose(_unclaimed) == bindparam("of_mailing", type_=BigInteger),
            _first_id.correlate(_unclaimed).scalar_subquery() > bindparam("after_id", type_=BigInteger),
        )
        .order_by(_unclaimed.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .returning(batches.c.id)
    .cte("gone")
)
TAKE_OVER_BATCH = Statement(
    update(deliveries)
    .where(deliveries.c.batch_id.in_(select(_gone.c.id)))
    .values(batch_id=bindparam("by_batch", type_=BigInteger))
    .returning(deliveries.c.id)
    .add_cte(_gone)
)


Came = Callable[[], list[WaitingDelivery]] | None
"""What came, to be had after the transaction; None: nothing did."""


def grow(connection: Connection, lease: Lease, mailing_id: int, after_id: int, most: int) -> Came:
    """Takes up to `most` of what is due of its mailing into a batch that is held.

    `after_id`: the last that it holds. Only later ones come: who was in hand when a worker died is told by
    the order of ids. Nothing comes while another mailing waits for a worker, or where one is to be tried
    alone.
    """
    may_grow = _may_grow(connection, lease, mailing_id)
    found = gather.due_of(connection, mailing_id, most, 1)
    pipeline.wait(connection)
    is_active, due = found()
    if not (may_grow() and is_active and due):
        return None
    if any(row.is_tried_alone or row.id <= after_id for row in due):
        return None
    chosen = [row.id for row in due]
    gather.TAKE_INTO_BATCH.do(connection, by_batch=lease.batch_id, chosen=chosen)
    counters.change(connection, counters.tally(((mailing_id, row.state) for row in due), -1))
    gather.NOTE_NEXT_DUE.do(connection, of_mailing=mailing_id)
    return _came(connection, lease, chosen)


def take_over(connection: Connection, lease: Lease, mailing_id: int, after_id: int) -> Came:
    """The same of another batch that waits for a worker, where nothing is due; all of it.

    In a transaction of its own: whoever decides about deliveries of that batch may want the mailing's row,
    so nobody may wait for them with it.
    """
    may_grow = _may_grow(connection, lease, mailing_id)
    pipeline.wait(connection)
    if not may_grow():
        return None
    whose = {"in_queue": lease.queue, "of_mailing": mailing_id, "after_id": after_id}
    chosen = [id for (id,) in TAKE_OVER_BATCH.all(connection, **whose, by_batch=lease.batch_id)]
    return _came(connection, lease, chosen) if chosen else None


def _may_grow(connection: Connection, lease: Lease, mailing_id: int) -> Callable[[], bool]:
    its_own = {"of_batch": lease.batch_id, "of_epoch": lease.epoch, "by_owner": lease.owner}
    held = HOLD_BATCH.later(connection, **its_own)
    of_others = gather.FIND_BATCH_OF_OTHERS.later(connection, in_queue=lease.queue, of_mailing=mailing_id)
    return lambda: bool(held() and not of_others())


def _came(connection: Connection, lease: Lease, chosen: list[int]) -> Came:
    NOTE_SIZE.do(connection, of_batch=lease.batch_id, more=len(chosen))
    rows = FIND_CHOSEN.later(connection, chosen=chosen)
    return lambda: [WaitingDelivery(*row) for row in rows()]
