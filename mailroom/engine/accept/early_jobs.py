"""Early jobs: they leave for the queue while the commit of what they deliver is on its way to the disk.

Only where whoever claims a batch waits for that commit: on SQLite, for its one write lock. On PostgreSQL it
would look before the commit and find nothing, and the job would be gone. One whose commit fails finds nothing
either, and does no harm.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from mailroom.engine import enqueue
from mailroom.engine.accept.aftermath import aftermath
from mailroom.ledger.batches.batches import Gathered
from mailroom.queue import EarlyTransaction, Queue, QueueDown

COMMITS_WITHIN = 1.0
"""Seconds from an early job to its commit. A worker waits for twice as long (WORKER_BUSY_TIMEOUT_MS): later,
it may have given up, and its job is gone."""


class EarlyJobs:
    """Of one acceptance: `send` before its commit, if at all, and `onto` after it."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._sent: EarlyTransaction | None = None
        self._sent_at = 0.0  # monotonic
        self._is_wanted = False

    def __enter__(self) -> EarlyJobs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sent is not None:
            with aftermath("forgetting early jobs"):
                self._sent.forget()

    def send(self, gathered: Sequence[Gathered]) -> None:
        """Neither waits nor raises, for it is called with the write lock held."""
        with aftermath("enqueueing early"):
            self._is_wanted, self._sent_at = bool(gathered), time.monotonic()
            self._sent = self._queue.enqueue_early(enqueue.jobs_of(gathered))

    def onto(self, gathered: Sequence[Gathered]) -> bool:
        """False: the queue is away, and the sweeper will do it later. A job too many is harmless."""
        sent, self._sent = self._sent, None
        if sent is not None:
            is_in_time = time.monotonic() - self._sent_at < COMMITS_WITHIN
            if self._have_arrived(sent) and is_in_time:
                return True
            return enqueue.onto(self._queue, gathered, again=True)
        enqueued = enqueue.onto(self._queue, gathered)
        if enqueued and self._is_wanted:
            self.get_ready()
        return enqueued

    def _have_arrived(self, sent: EarlyTransaction) -> bool:
        with aftermath("asking for early jobs"), suppress(QueueDown):
            self._queue.has_arrived(sent)
            return True
        return False

    @property
    def has_left(self) -> bool:
        """Whether some of them were sent, and nobody knows yet whether they have arrived."""
        return self._sent is not None

    def get_ready(self) -> None:
        """For the next acceptance of this process."""
        with aftermath("a connection for early jobs"), suppress(QueueDown):
            self._queue.get_ready()
