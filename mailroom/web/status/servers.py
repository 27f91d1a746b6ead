"""Server status: each mail server in trouble or not, how fast mail may go there, and what waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.together import Together
from mailroom.ledger.relays import circuit, parked_sessions, rates
from mailroom.ledger.relays.circuit import ServerTrouble
from mailroom.ledger.relays.parked_sessions import ParkedThere
from mailroom.smtp.server import servers_of
from mailroom.web import Mailroom
from mailroom.web.layout.filters import duration

NO_LIMIT = "no limit"


def standings(mailroom: Mailroom) -> list[dict[str, Any]] | None:
    """Every server of the settings, as workers found it; as JSON.

    For strangers too, so without the server's words: they may name who logs in. None: the
    ledger cannot be asked.
    """
    names = [server.name for server in servers_of(mailroom.settings).values()]
    try:
        with mailroom.database.read_at_once() as connection:
            reads = Together(connection)
            troubled, parked_there = reads.ask(circuit.troubled, names), reads.ask(parked_sessions.present)
            paces, clock_now = reads.ask(rates.present, names), reads.ask(clock.now)
            troubles = {trouble.server: trouble for trouble in troubled()}
            waiting = parked_there()
            present = {rate.server: rate for rate in paces()}
            now = from_millis(clock_now())
    except SQLAlchemyError:
        return None
    parked = {there.server: [one for one in waiting if one.server == there.server] for there in waiting}
    return [
        {
            "server": name,
            "rate": str(present[name]) if name in present else NO_LIMIT,
            "slowed_down": name in present and present[name].is_slowed,
            **_trouble(troubles.get(name), now),
            **_parked(parked.get(name, [])),
        }
        for name in names
    ]


def _trouble(trouble: ServerTrouble | None, now: datetime) -> dict[str, Any]:
    if trouble is None:
        return {"in_trouble": False}
    return {
        "in_trouble": True,
        "since": trouble.since.isoformat(timespec="seconds"),
        "stage": trouble.stage,
        "code": trouble.code,
        "failures": trouble.failures,
        "tried_again_in_seconds": max(0, round((trouble.closed_until - now).total_seconds())),
    }


AT_STAGE = {"connect": "while connecting", "dot": "after the final dot"}
"""Where a parked session waits, in words; elsewhere the command says it."""


def parked_words(waiting: Sequence[ParkedThere]) -> list[str]:
    """A sentence without its full stop for each server that keeps sessions waiting."""
    found = []
    for server, stages in groupby(waiting, key=lambda there: there.server):
        there = list(stages)
        number, longest = sum(one.sessions for one in there), max(one.longest_ms for one in there)
        places = ", ".join(
            f"{one.sessions} {AT_STAGE.get(one.stage) or f'at {one.stage.upper()}'}" for one in there
        )
        waits = "session waits" if number == 1 else "sessions wait"
        silent = f"which says nothing: {places}, for up to {duration(max(1000, longest))}"
        found.append(f"{number} {waits} for {server}, {silent}")
    return found


def _parked(there: list[ParkedThere]) -> dict[str, Any]:
    """The sessions that wait for it while other mail goes on; nothing when there is none."""
    if not there:
        return {}
    return {
        "parked": [
            {"stage": one.stage, "sessions": one.sessions, "longest_seconds": one.longest_ms // 1000}
            for one in there
        ]
    }
