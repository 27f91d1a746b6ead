"""Blockers: why a mailing does not go on just now, in sentences for its page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from mailroom.database.together import Together
from mailroom.engine import neighbours
from mailroom.ledger.batches import batches
from mailroom.ledger.holding import Hold
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.relays import circuit, parked_sessions, rates
from mailroom.ledger.states import MailingState
from mailroom.queue import QueueDown
from mailroom.web import Mailroom
from mailroom.web.status.banners import trouble_words
from mailroom.web.status.checks import SUSPENDED
from mailroom.web.status.servers import parked_words

SILENT_MS = batches.LEASE_MS // 3 + 3_000
"""A worker renews its lease every third of it; one that is three seconds late is in trouble."""


@dataclass(frozen=True, slots=True)
class Blocker:
    category: str  # of the note: info, warning, error
    text: str


def blockers(
    connection: Connection,
    mailroom: Mailroom,
    names: set[str],
    mailing: Mailing,
    now: int,
    hold: Hold | None = None,
) -> list[Blocker]:
    """What holds `mailing` up, worst first; nothing for one that is over. `names`: of the servers in use."""
    if mailing.state is MailingState.PAUSED and mailing.held_for is not None:
        return [Blocker("error", _held(mailing))]
    if mailing.is_over or mailing.state not in (MailingState.ACTIVE, MailingState.CANCELED):
        return []
    if mailing.state is MailingState.CANCELED:
        return [Blocker("info", "Canceled. What is under way ends; nothing new begins.")]
    reads = Together(connection)
    asked = (
        reads.ask(_closed_servers, names, now),
        reads.ask(_slowed_down, names),
        reads.ask(_parked),
        reads.ask(_silent_workers, mailing.id, now),
    )
    return [
        *([Blocker("warning", f"Sending is held: {hold.reason}.")] if hold else []),
        *_lost_queue(mailroom),
        *(blocker for found in asked for blocker in found()),
    ]


def _held(mailing: Mailing) -> str:
    if mailing.held_for == mailing.tripped_for:
        return f"It paused itself: {mailing.held_for}. It does so once: resume it if that is as it should be."
    return f"Paused by the workers: {mailing.held_for}. No recipient is blamed for it."


def _lost_queue(mailroom: Mailroom) -> Iterator[Blocker]:
    try:
        ours, others = neighbours.workers(mailroom.database, mailroom.queue)
        is_suspended = mailroom.queue.is_suspended()
    except QueueDown as problem:
        yield Blocker(
            "warning",
            f"The queue cannot be reached ({problem}). Nothing is lost: sending goes on when it is back.",
        )
        return
    if others:
        yield Blocker("warning", f"{neighbours.words(others)}.")
    if not ours:
        yield Blocker("warning", "No worker is running. Start one with: python worker.py")
    elif is_suspended:
        yield Blocker("warning", f"{SUSPENDED}.")


def _closed_servers(connection: Connection, names: set[str], now: int) -> list[Blocker]:
    return [Blocker("error", trouble_words(one, now)) for one in circuit.troubled(connection, names)]


def _slowed_down(connection: Connection, names: set[str]) -> list[Blocker]:
    return [
        Blocker(
            "info",
            f"The mail server {rate.server} asked us to slow down: it gets {rate} at present, "
            "and more again step by step.",
        )
        for rate in rates.present(connection, names)
        if rate.is_slowed
    ]


def _parked(connection: Connection) -> list[Blocker]:
    found = parked_words(parked_sessions.present(connection))
    return [Blocker("info", f"{words}. Other mail goes on beside them.") for words in found]


def _silent_workers(connection: Connection, mailing_id: int, now: int) -> list[Blocker]:
    until = batches.earliest_lease(connection, mailing_id)
    if until is None or until - now > batches.LEASE_MS - SILENT_MS:
        return []
    silent, left = batches.LEASE_MS - (until - now), until - now
    again = f"in {_seconds(left)}" if left > 0 else "now"
    words = f"A worker died, or has said nothing for {_seconds(silent)}. "
    return [Blocker("warning", f"{words}The rest of its mails goes out again {again}.")]


def _seconds(millis: int) -> str:
    return f"{max(1, round(millis / 1000))} s"
