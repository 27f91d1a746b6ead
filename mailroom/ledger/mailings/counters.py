"""Counters: how many of a mailing's deliveries are in which state, without counting a million rows.

A mailing's counters leave out what is in a live batch. Gathering takes deliveries out
of the counters, closing a batch puts them back; what a live batch holds (at most some
thousand rows) is counted when somebody asks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import BigInteger, Connection, bindparam, func, select, update

from mailroom.database.sql import planner
from mailroom.database.sql.any_of import any_found, any_of
from mailroom.database.statement import Statement
from mailroom.ledger.schema import batches, deliveries, mailings
from mailroom.ledger.states import COUNTED, State

Changes = Mapping[int, Mapping[State, int]]
"""mailing id -> state -> how many more (or fewer)."""


CHANGE_COUNTERS = Statement(
    update(mailings)
    .where(mailings.c.id == bindparam("of_mailing", type_=BigInteger))
    .values({state: mailings.c[state] + bindparam(f"more_{state}", type_=BigInteger) for state in COUNTED})
)
# By no index of mailings: a planner that took it would read a million to find some hundred.
_MAILING_ID = deliveries.c.mailing_id + 0

COUNT_LIVE = (
    select(_MAILING_ID, deliveries.c.state, func.count())
    .where(
        any_found(deliveries.c.batch_id, select(batches.c.id)),
        _MAILING_ID.in_(bindparam("chosen", expanding=True)),
    )
    .group_by(_MAILING_ID, deliveries.c.state)
)

# The other way about: each of their deliveries is looked at, and whether its batch is live.
COUNT_LIVE_OF_SMALL = (
    select(deliveries.c.mailing_id, deliveries.c.state, func.count())
    .where(
        any_of(deliveries.c.mailing_id, "chosen"),
        select(batches.c.id).where(batches.c.id == planner.without_its_index(deliveries.c.batch_id)).exists(),
    )
    .group_by(deliveries.c.mailing_id, deliveries.c.state)
)
SMALL_TOTAL = 1_000
"""Mailings with no more deliveries, all of them together, are looked at by themselves: single mails that wait
fill many batches, and whoever asks for one of them would wait for all.
"""


def live(
    connection: Connection, mailing_ids: Iterable[int], total: int | None = None
) -> dict[int, dict[State, int]]:
    """What live batches hold of these mailings. `total`: how many deliveries they have, if that is known."""
    chosen = list(mailing_ids)
    if not chosen:
        return {}
    counted = COUNT_LIVE if total is None or total > SMALL_TOTAL else COUNT_LIVE_OF_SMALL
    found: dict[int, dict[State, int]] = defaultdict(dict)
    for mailing_id, state, number in connection.execute(counted, {"chosen": chosen}):
        found[mailing_id][state] = number
    return found


def change(connection: Connection, changes: Changes) -> None:
    """Adds to the counters, in the order of ids so that two writers never wait in a ring."""
    rows = [
        {"of_mailing": mailing_id, **{f"more_{state}": added.get(state, 0) for state in COUNTED}}
        for mailing_id, added in sorted(changes.items())
        if any(added.values())
    ]
    if rows:
        CHANGE_COUNTERS.run_each(connection, rows)


def tally(pairs: Iterable[tuple[int, State]], sign: int = 1) -> dict[int, Counter[State]]:
    """Counts (mailing id, state) pairs into Changes."""
    found: dict[int, Counter[State]] = defaultdict(Counter)
    for mailing_id, state in pairs:
        found[mailing_id][state] += sign
    return found
