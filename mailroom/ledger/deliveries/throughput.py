"""Throughput: how many mails were sent in each minute of the last hour.

A mail that was taken keeps the id of its batch, and batches are numbered as they are gathered. So the
batches of the hour are found by bisection, and counted: all of a few, an even sample of many. No write
and no index is spent on it for each mail.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from mailroom.database import clock
from mailroom.database.ddl import condition
from mailroom.ledger.schema import deliveries
from mailroom.ledger.states import State

MINUTES = 60
MINUTE_MS = 60_000

BATCHES_COUNTED = 500
"""Batches read for one picture, of a hundred mails at most."""

EARLY_MS = 20 * MINUTE_MS
"""A batch that was gathered so long before the hour may have waited for it: for Redis, or a slow server."""

IN_A_BATCH = condition("batch_id IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Throughput:
    """Sent mails by minute, oldest first; the last is the present minute. `began`: of the first one."""

    minutes: list[int]
    began: int  # milliseconds
    is_sample: bool

    @property
    def total(self) -> int:
        return sum(self.minutes)


def last_hour(connection: Connection) -> Throughput:
    now = clock.now(connection)
    began = (now // MINUTE_MS - MINUTES + 1) * MINUTE_MS
    first, last = _first_batch_after(connection, began - EARLY_MS), _last_batch(connection)
    weight = max(1.0, (last - first + 1) / BATCHES_COUNTED)
    ids = {first + int(place * weight) for place in range(min(BATCHES_COUNTED, last - first + 1))}
    counted: Counter[int] = Counter()
    rows = connection.execute(
        select(deliveries.c.updated_at, func.count())
        .where(
            deliveries.c.batch_id.in_(sorted(ids)),
            deliveries.c.state == State.SENT,
            deliveries.c.updated_at >= began,
        )
        .group_by(deliveries.c.updated_at)
    )
    for updated_at, number in rows:
        counted[min(MINUTES - 1, (updated_at - began) // MINUTE_MS)] += number
    minutes = [round(counted[minute] * weight) for minute in range(MINUTES)]
    return Throughput(minutes, began, is_sample=weight > 1)


def _last_batch(connection: Connection) -> int:
    newest = select(deliveries.c.batch_id).where(IN_A_BATCH).order_by(deliveries.c.batch_id.desc())
    return connection.execute(newest.limit(1)).scalar() or 0


def _first_batch_after(connection: Connection, moment: int) -> int:
    """The lowest id of a batch some of which was sent after `moment`; past the last when there is none."""
    low, high = 1, _last_batch(connection) + 1
    while low < high:
        middle = (low + high) // 2
        sent_at = _sent_at(connection, middle)
        if sent_at is not None and sent_at < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _sent_at(connection: Connection, batch_id: int) -> int | None:
    """When the first mail of this batch, or of the next that has any, was sent; None: of none after it."""
    first = (
        select(deliveries.c.updated_at)
        .where(IN_A_BATCH, deliveries.c.batch_id >= batch_id, deliveries.c.state == State.SENT)
        .order_by(deliveries.c.batch_id)
        .limit(1)
    )
    found: int | None = connection.execute(first).scalar()
    return found
