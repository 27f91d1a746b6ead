"""Sums over all mailings, kept by the block: to add up millions, as many as mails by the API, takes seconds.

A block that is full is added up by the sweeper, and then again in turn, for mail of an old mailing may still
come back; every second turn is for blocks in which not all had ended. What is in no kept sum is added up when
somebody asks: so what is new is always exact.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Select, and_, bindparam, func, not_, select

from mailroom.database.clock import now_millis
from mailroom.database.engine import AnyRow
from mailroom.database.sql.upsert import Upsert
from mailroom.database.statement import Statement
from mailroom.database.together import Together
from mailroom.ledger.schema import mailing_sums, mailings
from mailroom.ledger.states import COUNTED, MailingState, State

SUMMED_BLOCK = 16_384
"""Mailings that were accepted one after the other."""

SUMMED_AGAIN_EVERY_MS = 1_000
"""One block; of ten million mailings each has its turn within 20 minutes."""

OPEN_SHARE = 0.5
"""Of all turns, those of blocks in which not all had ended."""

OPEN_STATES = (MailingState.SCHEDULED, MailingState.ACTIVE, MailingState.PAUSED)


class Sum(NamedTuple):
    """Of the mailings in one state: how many they are, their deliveries by state, and complaints."""

    mailings: int
    deliveries: Mapping[State, int]
    complained: int


Sums = Mapping[MailingState, Sum]

KeptSums = dict[str, dict[str, int]]
"""By a mailing's state and by what is added up, as JSON: by name, for there may be more states some day."""

MAILINGS, COMPLAINTS = "mailings", "complained"

ADDED = (MAILINGS, *(state.value for state in COUNTED), COMPLAINTS)

NO_END = 2**63 - 1
"""As an id: behind all."""


def _kept(insert: Any) -> Any:
    values: dict[str, Any] = {
        "block": bindparam("of_block"),
        "sums": bindparam("new_sums"),
        "is_open": bindparam("any_open"),
    }
    row = insert.values(**values, counted_at=now_millis())
    given = {name: insert.excluded[name] for name in ("sums", "is_open", "counted_at")}
    return row.on_conflict_do_update(index_elements=("block",), set_=given)


KEEP_SUMS = Upsert(mailing_sums, _kept)


def of_all(connection: Connection) -> Sums:
    """By state, those that occur; nothing of what is still being written."""
    kept: dict[int, KeptSums] = {row.block: row.sums for row in connection.execute(FIND_SUMS)}
    behind = max(kept, default=-1) + 1
    added: dict[str, Counter[str]] = defaultdict(Counter)
    for sums in [*kept.values(), _add_up(connection, behind * SUMMED_BLOCK, NO_END)]:
        for state, numbers in sums.items():
            added[state].update(numbers)
    return {
        state: Sum(numbers[MAILINGS], {one: numbers[one] for one in COUNTED}, numbers[COMPLAINTS])
        for state in MailingState
        if (numbers := added[state])[MAILINGS]
    }


FIND_LAST_BLOCK = Statement(
    select(
        select(func.max(mailings.c.id)).scalar_subquery(),
        func.max(mailing_sums.c.block),
        func.max(mailing_sums.c.counted_at) < now_millis() - bindparam("again_ms", type_=BigInteger),
    ).select_from(mailing_sums)
)


def next_block(connection: Connection) -> int | None:
    """The block that is to be added up now: the first that never was, or the one that was longest ago.

    Two blocks at the end are left to who asks.
    """
    row = FIND_LAST_BLOCK.one(connection, again_ms=SUMMED_AGAIN_EVERY_MS)
    assert row is not None
    number, after, is_time = row
    following = 0 if after is None else after + 1
    if (following + 2) * SUMMED_BLOCK <= (number or 0):
        return int(following)
    if not is_time:
        return None
    oldest = select(mailing_sums.c.block).order_by(mailing_sums.c.counted_at).limit(1)
    its_turn = oldest.where(mailing_sums.c.is_open) if random.random() < OPEN_SHARE else oldest
    block = connection.execute(its_turn).scalar_one_or_none()
    return int(connection.execute(oldest).scalar_one() if block is None else block)


def add_up(connection: Connection, block: int) -> KeptSums:
    """What `keep` keeps of it."""
    first = block * SUMMED_BLOCK
    return _add_up(connection, first, first + SUMMED_BLOCK - 1)


def keep(connection: Connection, block: int, sums: KeptSums) -> None:
    any_open = any(state in sums for state in OPEN_STATES)
    KEEP_SUMS.run(connection, of_block=block, new_sums=sums, any_open=any_open)


def _add_up(connection: Connection, first: int, last: int) -> KeptSums:
    """Of the mailings with these ids and those between.

    Most have ended and reached everybody. Of these there is little to add, and nothing to sort by state: that
    took SQLite half of the time.
    """
    reads, given = Together(connection), {"first": first, "last": last}
    usual, others = reads.ask(_added, ADD_UP_USUAL, given), reads.ask(_added, ADD_UP_OTHERS, given)
    ((number, sent),) = usual()
    added = {state.value: dict(zip(ADDED, map(int, numbers), strict=True)) for state, *numbers in others()}
    if number:
        done = added.setdefault(MailingState.DONE.value, dict.fromkeys(ADDED, 0))
        done[MAILINGS] += number
        done[State.SENT.value] += int(sent)
    return added


def _added(
    connection: Connection, query: Select[*tuple[Any, ...]], given: Mapping[str, int]
) -> Sequence[AnyRow]:
    return connection.execute(query, given).all()


FIRST, LAST = (bindparam(name, type_=BigInteger) for name in ("first", "last"))
WHICH = mailings.c.id.between(FIRST, LAST)
# Not the column itself: SQLite would go by the index of states, through all mailings.
ITS_STATE = func.coalesce(mailings.c.state, "")
IS_USUAL = and_(
    ITS_STATE == MailingState.DONE,
    mailings.c[State.SENT] == mailings.c.total,
    mailings.c[COMPLAINTS] == 0,
)
ADD_UP_USUAL = select(func.count(), func.sum(mailings.c[State.SENT])).where(WHICH, IS_USUAL)
ADD_UP_OTHERS = (
    select(ITS_STATE, func.count(), *(func.sum(mailings.c[name]) for name in ADDED[1:]))
    .where(WHICH, ITS_STATE != MailingState.STAGED, not_(IS_USUAL))
    .group_by(ITS_STATE)
)
FIND_SUMS = select(mailing_sums.c.block, mailing_sums.c.sums)
