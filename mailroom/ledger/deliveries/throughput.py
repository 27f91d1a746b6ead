"""Throughput: how many mails were sent in each minute of the last hour.

A mail that was taken keeps the id of its batch, and batches are numbered as they are gathered. So the
batches of the hour are found by bisection, and counted: all of a few, an even sample of many. No write
and no index is spent on it for each mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    false,
    func,
    literal,
    select,
    true,
    union_all,
)

from mailroom.database import clock
from mailroom.database.sql.ddl import condition
from mailroom.database.together import Together
from mailroom.ledger.batches import gather
from mailroom.ledger.schema import deliveries, reports
from mailroom.ledger.states import State

MINUTES = 60
MINUTE_MS = 60_000

MAILS_COUNTED = 50_000
"""Mails read for one picture, at most: of as many batches as would hold them, were all of them full;
twice as many on PostgreSQL, where batches grow further while they are sent."""

REPORTS_READ = 5_000
"""Of the newest, for those mails that came back by now: they are in no batch."""

EARLY_MS = 20 * MINUTE_MS
"""A batch that was gathered so long before the hour may have waited for it: for Redis, or a slow server."""

PASSED_OVER = 2_000
"""Mails of batches, two that grew at the most, among which one that was sent is looked for."""

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
    reads = Together(connection)
    clock_now, newest = reads.ask(clock.now), reads.ask(_last_batch)
    now, last = clock_now(), newest()
    began = (now // MINUTE_MS - MINUTES + 1) * MINUTE_MS
    first = _first_batch_after(connection, began - EARLY_MS, last)
    most = batches_counted()
    weight = max(1.0, (last - first + 1) / most)
    ids = {first + int(place * weight) for place in range(min(most, last - first + 1))}
    counted: dict[bool, Counter[int]] = {False: Counter(), True: Counter()}
    for came_back, moment, number in connection.execute(union_all(_sent(ids, began), _came_back(began))):
        counted[bool(came_back)][min(MINUTES - 1, (moment - began) // MINUTE_MS)] += number
    minutes = [round(counted[False][minute] * weight) + counted[True][minute] for minute in range(MINUTES)]
    return Throughput(minutes, began, is_sample=weight > 1)


def batches_counted() -> int:
    """The most that are read for one picture."""
    return MAILS_COUNTED // gather.FOLLOWING_SIZE


def _sent(batch_ids: Collection[int], began: int) -> Select[Any]:
    """In these batches, by moment."""
    moment = deliveries.c.updated_at
    of_these = (deliveries.c.batch_id.in_(sorted(batch_ids)), deliveries.c.state == State.SENT)
    return select(false(), moment, func.count()).where(*of_these, moment >= began).group_by(moment)


def _came_back(began: int) -> Select[Any]:
    """When those of the newest reports were sent that came back since."""
    newest = select(func.max(reports.c.id)).scalar_subquery()
    moment = reports.c.taken_at
    of_these = (reports.c.id > newest - REPORTS_READ, moment >= began)
    return select(true(), moment, func.count()).where(*of_these).group_by(moment)


def _last_batch(connection: Connection) -> int:
    return connection.execute(FIND_LAST_BATCH).scalar() or 0


def _first_batch_after(connection: Connection, moment: int, last: int) -> int:
    """The lowest id of a batch some of which was sent after `moment`; past the last when there is none."""
    given = {"past_the_last": last + 1, "moment": moment}
    return int(connection.execute(BISECT_BATCHES, given).scalar_one())


def _bisected() -> Select[Any]:
    """In one statement: each row is half of the one before."""
    past_the_last, moment = (bindparam(name, type_=BigInteger) for name in ("past_the_last", "moment"))
    halves = select(literal(1, BigInteger).label("low"), past_the_last.label("high")).cte(
        "halves", recursive=True
    )
    low, high = halves.c.low, halves.c.high
    middle = (low + high) // 2
    is_before = _sent_at(middle) < moment
    halved = select(case((is_before, middle + 1), else_=low), case((is_before, high), else_=middle))
    return select(func.max(halves.union_all(halved.where(low < high)).c.low))


def _sent_at(batch_id: ColumnElement[int]) -> ColumnElement[int]:
    """When a mail of this batch, or of the next that has any, was sent; NULL: none of those next to it was.

    What waits in thousands of batches is not read for that: the hour then only seems to begin earlier.
    """
    next_ones = (
        select(deliveries.c.state, deliveries.c.updated_at)
        .where(IN_A_BATCH, deliveries.c.batch_id >= batch_id)
        .order_by(deliveries.c.batch_id)
        .limit(PASSED_OVER)
        .correlate_except(deliveries)
        .subquery()
    )
    sent = select(next_ones.c.updated_at).where(next_ones.c.state == State.SENT)
    return sent.limit(1).scalar_subquery()


FIND_LAST_BATCH = (
    select(deliveries.c.batch_id).where(IN_A_BATCH).order_by(deliveries.c.batch_id.desc()).limit(1)
)
BISECT_BATCHES = _bisected()
