"""Worker pool: several workers on one machine, started, restarted when they die, stopped together."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

import structlog
from rq.serializers import JSONSerializer
from rq.worker_pool import ForkProcess, WorkerData, WorkerPool

from mailroom.queue.connection import connect
from mailroom.queue.heartbeat import STOP_WITHIN
from mailroom.queue.job import Job, JobList
from mailroom.queue.queue import Queue, QueueDown
from mailroom.queue.worker import DOUBLE, Worker, worker_name
from mailroom.stop_signals import stop_signals

log = structlog.get_logger()

POLL = 0.2

BREATH = 1.0
"""Seconds before a worker that died is replaced, when it had lived for less than that."""


class Pool(WorkerPool):
    """Forks `workers` workers and keeps them running; holds no thread and no database itself."""

    def __init__(
        self, queues: Sequence[str], redis_url: str, workers: int, worker_class: type[Worker] = Worker
    ) -> None:
        super().__init__(
            queues,
            connect(redis_url),
            num_workers=workers,
            worker_class=worker_class,
            serializer=JSONSerializer,
            job_class=Job,
            queue_class=JobList,
        )
        self.our_worker_class = worker_class
        self._stop_requested_at: float | None = None
        self._started_at: dict[str, float] = {}
        self._failed = False

    def start(self, burst: bool = False, logging_level: str | None = None) -> bool:
        """Run until told to stop, or until no job is left (`burst`); False if a worker failed for good."""
        self._burst = burst
        self.status = self.Status.STARTED
        for signum in stop_signals():
            signal.signal(signum, self.request_stop)
        gc.freeze()  # what is loaded so far stays shared with the workers, untouched by their collectors
        for _ in range(self.num_workers):
            self.start_worker(burst=burst)
        while self.worker_dict:
            wait([worker.process.sentinel for worker in self.worker_dict.values()], POLL)
            self._replace_the_dead()
            self._end_the_late()
        return not self._failed

    # No pool's run_worker(): it starts a scheduler, and makes pickling queues.
    def start_worker(self, count: int | None = None, burst: bool = True, *_: Any, **__: Any) -> None:
        token, parent = secrets.token_hex(3), os.getpid()
        # Held back until the child has handlers of its own: with its parent's it would stop its siblings.
        signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())
        try:
            process = ForkProcess(target=self._run_worker, args=(token, parent, burst))
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, stop_signals())
        assert process.pid is not None
        name = worker_name(process.pid, token)
        self.worker_dict[name] = WorkerData(name, process.pid, process)
        self._started_at[name] = time.monotonic()

    def _run_worker(self, token: str, parent: int, burst: bool) -> None:
        for signum in (asked := stop_signals()):
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, asked)
        name = worker_name(os.getpid(), token)
        worker = self.our_worker_class(self._queue_names, name, connection=self.connection)
        worker.parent = parent
        worker.work(burst=burst)

    def _replace_the_dead(self) -> None:
        for worker in [w for w in self.worker_dict.values() if not w.process.is_alive()]:
            self.handle_dead_worker(worker)
            if self._burst or self._stop_requested_at is not None:
                continue
            if time.monotonic() - self._started_at.pop(worker.name) < BREATH:
                time.sleep(BREATH)
            if self._stop_requested_at is None:
                self.start_worker(burst=self._burst)

    def handle_dead_worker(self, worker_data: WorkerData) -> None:
        del self.worker_dict[worker_data.name]
        code = worker_data.process.exitcode
        if code == 0:
            return
        self._failed = True
        log.warning("a worker died", worker=worker_data.name, exitcode=code)
        queue = Queue(self.connection)
        try:
            queue.forget_worker(worker_data.name)
        except QueueDown as error:
            log.warning("it stays listed for a while", worker=worker_data.name, reason=str(error))
        finally:
            queue.close()

    def request_stop(self, signum: int | None = None, frame: FrameType | None = None) -> None:
        """The first signal: workers finish what is in flight and end. The next one: they end now."""
        again = self._stop_requested_at is not None
        if again and time.monotonic() - (self._stop_requested_at or 0) < DOUBLE:
            return
        self.status = self.Status.STOPPED
        self._stop_requested_at = self._stop_requested_at or time.monotonic()
        for worker in list(self.worker_dict.values()):
            self.stop_worker(worker, signal.SIGKILL if again else signal.SIGTERM)

    def _end_the_late(self) -> None:
        if self._stop_requested_at and time.monotonic() - self._stop_requested_at > STOP_WITHIN + POLL:
            for worker in self.worker_dict.values():
                self.stop_worker(worker, signal.SIGKILL)
