"""Why a mailing does not go on just now, in sentences for its page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from mailroom.database import now_millis
from mailroom.ledger import batches as leases
from mailroom.ledger import states
from mailroom.ledger.mailings import Mailing
from mailroom.ledger.schema import batches, deliveries, servers
from mailroom.queue import Queue, QueueDown

SILENT_MS = leases.LEASE_MS // 3 + 3_000
"""A worker renews its lease every third of it; one that is three seconds late is in trouble."""


@dataclass(frozen=True, slots=True)
class Hindrance:
    category: str  # of the note: info, warning, error
    text: str


def hindrances(connection: Connection, queue: Queue, mailing: Mailing, now: int) -> list[Hindrance]:
    """What holds `mailing` up, worst first; nothing for one that is over."""
    if mailing.is_over or mailing.state not in (states.ACTIVE, states.CANCELED):
        return []
    if mailing.state == states.CANCELED:
        return [Hindrance("info", "Canceled. What is under way ends; nothing new begins.")]
    return [
        *_lost_queue(queue),
        *_closed_servers(connection, now),
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
    rows = connection.execute(select(servers).where(servers.c.closed_until > now))
    for row in rows:
        words = f"{row.code} {row.reply}" if row.code else row.reply
        yield Hindrance(
            "error",
            f"The mail server {row.server} cannot be used: {words}. "
            f"Next try in {_seconds(row.closed_until - now)}; nothing is lost meanwhile.",
        )


def _silent_workers(connection: Connection, mailing_id: int, now: int) -> Iterator[Hindrance]:
    held = select(deliveries.c.batch_id).where(
        deliveries.c.batch_id.in_(select(batches.c.id)), deliveries.c.mailing_id == mailing_id
    )
    until = connection.execute(
        select(func.min(batches.c.lease_until)).where(batches.c.owner.is_not(None), batches.c.id.in_(held))
    ).scalar_one()
    if until is None or until - now > leases.LEASE_MS - SILENT_MS:
        return
    silent, left = leases.LEASE_MS - (until - now), until - now
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
