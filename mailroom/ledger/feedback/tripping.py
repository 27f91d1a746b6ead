"""Tripping: a mailing of which too much comes back or fails pauses itself, once; who resumes it is obeyed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from mailroom.ledger.mailings import lifecycle, mailings
from mailroom.ledger.states import State, states_with

WhyPause = Callable[[int, int, int, int], str]
"""Of how many were handed over, came back, were called spam, and failed."""


def look_at(connection: Connection, mailing_ids: Iterable[int], why_pause: WhyPause) -> list[tuple[int, str]]:
    """Pauses those of these mailings of which it says why; which, and why."""
    tripped = []
    for mailing in mailings.several(connection, mailing_ids):
        if mailing.state not in states_with("pause") or mailing.tripped_for is not None:
            continue
        bounced, failed = (mailing.counts.get(state, 0) for state in (State.BOUNCED, State.FAILED))
        why = why_pause(mailing.handed_over, bounced, mailing.complained, failed)
        if why and lifecycle.trip(connection, mailing.id, why):
            tripped.append((mailing.id, why))
    return tripped
