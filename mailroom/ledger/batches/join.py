"""Joining a batch: a burst of single mails shares batches, for a job costs as much as ten mails.

A batch that was enqueued a moment ago and is not claimed yet takes what is accepted
meanwhile. On an idle system none is waiting, so a single mail gets its own and goes at once.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import BigInteger, Connection, bindparam, select, update

from mailroom.database.clock import now_millis
from mailroom.database.statement import Statement
from mailroom.ledger.batches.gather import SIZE
from mailroom.ledger.schema import batches

WAITS_MS = 1_000
"""A batch that has waited for longer takes nobody: its job may be lost, and is looked for later."""

MORE = bindparam("more", type_=BigInteger)

_waiting = batches.alias()
JOIN_BATCH = Statement(
    update(batches)
    .where(
        batches.c.id
        == select(_waiting.c.id)
        .where(
            _waiting.c.queue == bindparam("in_queue"),
            _waiting.c.route == bindparam("by_route"),
            _waiting.c.owner.is_(None),
            _waiting.c.max_sessions.is_(None),
            _waiting.c.in_hand.is_(None),  # who is tried alone gets no company
            _waiting.c.enqueued_at > now_millis() - WAITS_MS,
            _waiting.c.size + MORE <= SIZE,
        )
        .order_by(_waiting.c.id.desc())
        .limit(1)
        # A batch that somebody is claiming, or joining, at this moment is not waited for.
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(size=batches.c.size + MORE)
    .returning(batches.c.id)
)


def join_batch(connection: Connection, number: int, queue: str, route: str) -> Callable[[], int | None]:
    """Keeps places for `number` deliveries, about to be written, in a waiting batch; its id is to be had
    from what it returns.

    None: there is no such batch. With one, nothing needs to be enqueued.
    """
    found = JOIN_BATCH.later(connection, in_queue=queue, by_route=route, more=number)
    return lambda: next((int(row[0]) for row in found()), None)
