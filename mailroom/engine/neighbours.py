"""Neighbours: workers of another Mailroom that take jobs off the same queues, on one Redis database.

Nothing is lost by that, for a job of another ledger does nothing. But its mail waits until it is missed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy.exc import SQLAlchemyError

from mailroom.database.engine import Database
from mailroom.ledger import identity
from mailroom.queue import Queue, QueueDown, WorkerInfo
from mailroom.queue.heartbeat import BEAT
from mailroom.settings import leave

SURE_AFTER = 2 * BEAT
"""Seconds without a heartbeat after which a record is believed to be what a dead worker left."""


class Workers(NamedTuple):
    """Those that listen to our queues."""

    ours: list[WorkerInfo]
    neighbours: list[WorkerInfo]


_names: MutableMapping[Database, str] = WeakKeyDictionary()
"""Asked once: nobody restores a ledger that is in use."""


def ledger_of(database: Database) -> str | None:
    """Its name; None while it was never asked with success."""
    if database not in _names:
        with suppress(SQLAlchemyError), database.read() as connection:
            _names[database] = identity.of(connection)
    return _names.get(database)


def workers(database: Database, queue: Queue) -> Workers:
    """While the ledger is away all of them pass for ours. Raises QueueDown."""
    ledger, found = ledger_of(database), queue.workers()
    if ledger is None:
        return Workers(found, [])
    return Workers(
        [worker for worker in found if worker.may_be_of(ledger)],
        [worker for worker in found if not worker.may_be_of(ledger)],
    )


def words(neighbours: Iterable[WorkerInfo]) -> str:
    """Two sentences about them, without the last full stop."""
    where = ", ".join(sorted({f"{worker.hostname} (pid {worker.pid})" for worker in neighbours}))
    return (
        f"Another Mailroom uses the same Redis database, with workers on {where}. "
        "Each takes the other's jobs, and urgent mail waits for up to a minute: "
        "give each a database of its own, as in REDIS_URL=redis://host:6379/1"
    )


def leave_if_any(database: Database, queue: Queue) -> None:
    """For a worker that is about to start: one line on stderr and exit code 2, if a neighbour lives.

    It is waited for until it beats, since killed workers stay listed for half a minute. A ledger or a
    Redis that is away is no reason not to start.
    """
    deadline, first = time.monotonic() + SURE_AFTER, dict[str, WorkerInfo]()
    while True:
        try:
            present = {worker.name: worker for worker in workers(database, queue).neighbours}
        except QueueDown:
            return
        first = {**present, **first}
        if living := [
            one for name, one in present.items() if one.last_heartbeat != first[name].last_heartbeat
        ]:
            leave(words(living))
        if not present or time.monotonic() > deadline:
            return
        time.sleep(0.2)
