"""A burst of single mails shares batches: a job costs as much as ten mails.

A batch that was enqueued a moment ago and is not claimed yet takes what is accepted
meanwhile. On an idle system none is waiting, so a single mail gets its own and goes at once.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, bindparam, select, update

from mailroom.database import now_millis
from mailroom.ledger import counts, states
from mailroom.ledger.batches import SIZE
from mailroom.ledger.schema import batches, deliveries, mailings

WAITS_MS = 1_000
"""A batch that has waited for longer takes nobody: its job may be lost, and is looked for later."""

MORE = bindparam("more", type_=BigInteger)

_waiting = batches.alias()
JOINED = (
    update(batches)
    .where(
        batches.c.id
        == select(_waiting.c.id)
        .where(
            _waiting.c.queue == bindparam("in_queue"),
            _waiting.c.route == bindparam("by_route"),
            _waiting.c.owner.is_(None),
            _waiting.c.max_sessions.is_(None),
            _waiting.c.enqueued_at > now_millis() - WAITS_MS,
            _waiting.c.size + MORE <= SIZE,
        )
        .order_by(_waiting.c.id.desc())
        .limit(1)
        # A batch that somebody is claiming, or boarding, at this moment is not waited for.
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(size=batches.c.size + MORE)
    .returning(batches.c.id)
)
BOARDED = (
    update(deliveries)
    .where(deliveries.c.mailing_id == bindparam("of_mailing"), deliveries.c.state == states.QUEUED)
    .values(batch_id=bindparam("by_batch"), due_at=None)
)
LEFT = update(mailings).where(mailings.c.id == bindparam("of_mailing")).values(next_due_at=None)


def board(connection: Connection, mailing_id: int, number: int, queue: str, route: str) -> bool:
    """Puts all `number` queued deliveries of a mailing that is being accepted into a waiting batch.

    False: there is none, and the mailing is to be gathered. Nothing needs to be enqueued else.
    """
    wanted = {"in_queue": queue, "by_route": route, "more": number}
    batch_id = connection.execute(JOINED, wanted).scalar_one_or_none()
    if batch_id is None:
        return False
    connection.execute(BOARDED, {"of_mailing": mailing_id, "by_batch": batch_id})
    connection.execute(LEFT, {"of_mailing": mailing_id})
    counts.change(connection, {mailing_id: {states.QUEUED: -number}})
    return True
