"""The clock of repeats: a thread of each worker process, which the sweeper wakes when a tick has come.

Beside the sweeper, for a tick may write a hundred thousand deliveries; and durably, as every acceptance is.
"""

from __future__ import annotations

import threading

from sqlalchemy import Connection

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.repeats import ticking
from mailroom.ledger.repeats import repeats
from mailroom.queue import Queue, QueueDown


class RepeatClock:
    """Makes the mailings of ticks that have come."""

    def __init__(self, database_url: str, queue: Queue) -> None:
        self._url, self._queue = database_url, queue
        self._is_due, self._is_stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = supervision.beside("the clock of repeats", self._run)

    def stop(self) -> None:
        self._is_stopped.set()
        self._is_due.set()
        if self._thread is not None:
            self._thread.join(timeout=3)

    def look(self, connection: Connection) -> None:
        """For who sweeps: wakes the thread when something is due."""
        if repeats.is_any_due(connection):
            self._is_due.set()

    def _run(self) -> None:
        database = Database(self._url, connections=3)  # a large mailing is read and written at once
        try:
            while self._is_due.wait() and not self._is_stopped.is_set():
                self._is_due.clear()
                with supervision.attempt("the clock of repeats", *LEDGER_AWAY, QueueDown):
                    ticking.tick_all(database, self._queue)
        finally:
            database.dispose()
