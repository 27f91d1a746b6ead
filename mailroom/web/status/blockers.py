"""Blockers: why a mailing does not go on just now, in sentences for its page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from mailroom.database.clock import now_millis
from mailroom.ledger.batches import batches
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.relays import circuit, parked_sessions, rates
from mailroom.ledger.states import MailingState
from mailroom.queue import Queue, QueueDown
from mailroom.web.status.banners import trouble_words
from mailroom.web.status.servers import parked_words

SILENT_MS = batches.LEASE_MS // 3 + 3_000
"""A worker renews its lease every third of it; one that is three seconds late is in trouble."""


@dataclass(frozen=True, slots=True)
class Hindrance:
    category: str  # of the note: info, warning, error
    text: str


def hindrances(connection: Connection, queue: Queue, mailing: Mailing, now: int) -> list[Hindrance]:
    """What holds `mailing` up, worst first; nothing for one that is over."""
    if mailing.is_over or mailing.state not in (MailingState.ACTIVE, MailingState.CANCELED):
        return []
    if mailing.state is MailingState.CANCELED:
        return [Hindrance("info", "Canceled. What is under way ends; nothing new begins.")]
    return [
        *_lost_queue(queue),
        *_closed_servers(connection, now),
        *_slowed_down(connection),
        *_parked(connection),
        *_silent_workers(connection, mailing.id, now),
    ]


def _lost_queue(queue: Queue) -> Iterator[Hindrance]:
    try:
        workers = queue.workers()
    except QueueDown as problem:
        yield Hindrance(
            "warning",
            f"The queue cannot be reached ({problem}). Nothing is lost: sending goes on when it is back.",
        )
        return
    if not workers:
        yield Hindrance("warning", "No worker is running. Start one with: python worker.py")


def _closed_servers(connection: Connection, now: int) -> Iterator[Hindrance]:
    for trouble in circuit.troubled(connection):
        yield Hindrance("error", trouble_words(trouble, now))


def _slowed_down(connection: Connection) -> Iterator[Hindrance]:
    for rate in rates.present(connection):
        if rate.is_slowed:
            yield Hindrance(
                "info",
                f"The mail server {rate.server} asked us to slow down: it gets {rate} at present, "
                "and more again step by step.",
            )


def _parked(connection: Connection) -> Iterator[Hindrance]:
    for words in parked_words(parked_sessions.present(connection)):
        yield Hindrance("info", f"{words}. Other mail goes on beside them.")


def _silent_workers(connection: Connection, mailing_id: int, now: int) -> Iterator[Hindrance]:
    until = batches.earliest_lease(connection, mailing_id)
    if until is None or until - now > batches.LEASE_MS - SILENT_MS:
        return
    silent, left = batches.LEASE_MS - (until - now), until - now
    again = f"in {_seconds(left)}" if left > 0 else "now"
    yield Hindrance(
        "warning",
        f"A worker died, or has said nothing for {_seconds(silent)}. "
        f"The rest of its mails goes out again {again}.",
    )


def clock(connection: Connection) -> int:
    """The ledger's time: the one clock by which leases run."""
    return int(connection.execute(select(now_millis())).scalar_one())


def _seconds(millis: int) -> str:
    return f"{max(1, round(millis / 1000))} s"
