"""Sums over the whole ledger, for monitoring: read from counters and kept sums, never from deliveries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from mailroom.database.clock import now_millis
from mailroom.database.engine import AnyRow
from mailroom.database.together import Together
from mailroom.ledger.feedback.reports import count_unmatched
from mailroom.ledger.mailings import sums
from mailroom.ledger.mailings.mailings import count_held
from mailroom.ledger.relays import circuit, parked_sessions
from mailroom.ledger.schema import batches, sweeper
from mailroom.ledger.states import COUNTED, MailingState, State


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is of everything. Deliveries in a live batch are counted as `in_batches`."""

    mailings: dict[MailingState, int]
    deliveries: dict[State, int]
    in_batches: int
    servers_in_trouble: int
    mailings_held: int
    complained: int
    unmatched_reports: int
    parked_sessions: dict[str, int]  # by stage
    swept_ms_ago: int | None
    round_ms: int | None


FIND_LAST_ROUND = select(now_millis() - sweeper.c.swept_at, sweeper.c.round_ms)
COUNT_IN_BATCHES = select(func.coalesce(func.sum(batches.c.size), 0))


def totals(connection: Connection, relays: Collection[str]) -> Totals:
    """`relays`: the servers in use, whose trouble counts."""
    reads = Together(connection)
    summed, waiting = reads.ask(sums.of_all), reads.ask(_in_batches)
    last_round = reads.ask(_last_round)
    troubled, held = reads.ask(circuit.troubled, relays), reads.ask(count_held)
    unmatched, parked = reads.ask(count_unmatched), reads.ask(_by_stage)
    by_state, swept = summed(), last_round()
    return Totals(
        mailings={state: summed.mailings for state, summed in by_state.items()},
        deliveries={
            state: sum(summed.deliveries[state] for summed in by_state.values()) for state in COUNTED
        },
        in_batches=waiting(),
        servers_in_trouble=len(troubled()),
        mailings_held=held(),
        complained=sum(summed.complained for summed in by_state.values()),
        unmatched_reports=unmatched(),
        parked_sessions=parked(),
        swept_ms_ago=None if swept is None else int(swept[0]),
        round_ms=None if swept is None else int(swept[1]),
    )


def _in_batches(connection: Connection) -> int:
    return int(connection.execute(COUNT_IN_BATCHES).scalar_one())


def _last_round(connection: Connection) -> AnyRow | None:
    """How long ago it began, and what it took."""
    return connection.execute(FIND_LAST_ROUND).one_or_none()


def _by_stage(connection: Connection) -> dict[str, int]:
    found: Counter[str] = Counter()
    for there in parked_sessions.present(connection):
        found[there.stage] += there.sessions
    return dict(found)
