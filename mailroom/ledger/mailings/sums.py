"""Sums over all mailings, kept by the block: to add up millions, as many as mails by the API, takes seconds.

A block that is full is added up by the sweeper, and then again in turn, for mail of an old mailing may still
come back; every second turn is for blocks in which not all had ended. What is in no kept sum is added up when
somebody asks: so what is new is always exact.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from mailroom.database.clock import now_millis
from mailroom.database.upsert import Upsert
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
    kept = {
        row.block: row.sums for row in connection.execute(select(mailing_sums.c.block, mailing_sums.c.sums))
    }
    behind = max(kept, default=-1) + 1
    added: dict[str, Counter[str]] = defaultdict(Counter)
    for sums in [*kept.values(), _add_up(connection, mailings.c.id >= behind * SUMMED_BLOCK)]:
        for state, numbers in sums.items():
            added[state].update(numbers)
    return {
        state: Sum(numbers[MAILINGS], {one: numbers[one] for one in COUNTED}, numbers[COMPLAINTS])
        for state in MailingState
        if (numbers := added[state])[MAILINGS]
    }


def next_block(connection: Connection) -> int | None:
    """The block that is to be added up now: the first that never was, or the one that was longest ago.

    Two blocks at the end are left to who asks.
    """
    newest = select(func.max(mailings.c.id)).scalar_subquery()
    last, at = func.max(mailing_sums.c.block), func.max(mailing_sums.c.counted_at)
    number, after, is_time = connection.execute(
        select(newest, last, at < now_millis() - SUMMED_AGAIN_EVERY_MS).select_from(mailing_sums)
    ).one()
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
    return _add_up(connection, mailings.c.id.between(first, first + SUMMED_BLOCK - 1))


def keep(connection: Connection, block: int, sums: KeptSums) -> None:
    any_open = any(state in sums for state in OPEN_STATES)
    KEEP_SUMS.run(connection, of_block=block, new_sums=sums, any_open=any_open)


def _add_up(connection: Connection, which: ColumnElement[bool]) -> KeptSums:
    added = (func.sum(mailings.c[name]) for name in (*COUNTED, COMPLAINTS))
    # Not the column itself: SQLite would go by the index of states, through all mailings.
    state = func.coalesce(mailings.c.state, "")
    query = select(state, func.count(), *added).where(which, mailings.c.state != MailingState.STAGED)
    names = (MAILINGS, *(state.value for state in COUNTED), COMPLAINTS)
    return {
        state.value: dict(zip(names, map(int, numbers), strict=True))
        for state, *numbers in connection.execute(query.group_by(state))
    }
