"""Heartbeat: the thread beside a worker's jobs that says it lives, and sees to it that it ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import Protocol

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq.registry import clean_registries
from rq.suspension import WORKERS_SUSPENDED
from rq.worker_registration import clean_worker_registry

from mailroom import supervision
from mailroom.queue.job import Job, JobList
from mailroom.queue.queue import Queue, QueueDown
from mailroom.queue.strays import drop_unreadable, is_wrong_kind, put_aside

log = structlog.get_logger()

HEARTBEAT_TICK = 0.1
BEAT = 5.0

NOTED_FROM = 0.1
"""Seconds for which a job has run when it is noted for rq-dashboard: most are over by then."""

WORKER_TTL = 30
"""Seconds after which a silent worker counts as dead, and its unclaimed batch as missing.
RQ's 480 would leave mail lying for eight minutes after a kill -9."""

MAINTENANCE = 60.0
"""Seconds between two rounds of RQ's own tidying: jobs of dead workers go to "failed", where
people see them. Nothing depends on it: the ledger's sweeper brings the mail back."""

STOP_WITHIN = 9.0
"""Seconds from the first signal to the end, whatever a mail server does. What is cut off
then is found again by its lease."""


class AnyWorker(Protocol):
    """A worker, as far as those beside it know it."""

    name: str
    job: Job | None
    job_began_at: float | None

    @property
    def key(self) -> str: ...


class LivingWorker(AnyWorker, Protocol):
    """The worker that is looked after."""

    parent: int | None
    stop_requested_at: float | None
    suspended: bool

    def queue_names(self) -> list[str]: ...

    def register(self, pipe: Pipeline, ttl: int) -> None: ...

    def note_job(self, redis: Redis) -> None: ...

    def register_death(self) -> None: ...

    @property
    def ledger(self) -> str | None: ...


class Heartbeat(Thread):
    """Beats for one worker. Asks Redis over a connection of its own, so a long job hinders nothing."""

    def __init__(self, worker: LivingWorker, redis: Redis, job_timeout: float) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.worker, self.redis, self.job_timeout = worker, redis, job_timeout
        self._queue = Queue(redis)
        self._beating = Lock()
        self._stopped = False
        self._neighbours = frozenset[str]()
        self._tidied_at = float("-inf")
        self._told: list[str] = []

    def run(self) -> None:
        try:
            self._beat_on()
        except BaseException as error:
            supervision.died("the heartbeat", error)

    def _beat_on(self) -> None:
        beaten_at = time.monotonic()
        while not self._stopped:
            self._watch()
            self._note_job()
            if time.monotonic() - beaten_at >= BEAT or supervision.troubles() != self._told:
                self._told = supervision.troubles()
                beaten_at = time.monotonic()
                self._try(self.beat)
                self._try(self.look_round)
                if beaten_at - self._tidied_at >= MAINTENANCE:
                    self._tidied_at = beaten_at
                    self._try(self.tidy)
            time.sleep(HEARTBEAT_TICK)

    def beat(self) -> None:
        """Register the worker, all of it, every time: so a Redis that came back empty shows it again."""
        with self._beating:
            if self._stopped:
                return
            with self.redis.pipeline(transaction=False) as pipe:
                self.worker.register(pipe, WORKER_TTL)
                pipe.exists(WORKERS_SUSPENDED)
                # A full Redis refuses the notes and still prolongs the life of what is there.
                answers = pipe.execute(raise_on_error=False)
            self.worker.suspended = answers[-1] == 1
            if any(map(is_wrong_kind, answers)):  # the next beat finds them gone
                self.redis.delete(self.worker.key)
                put_aside(self.redis, self.worker.queue_names())

    def look_round(self) -> None:
        """Says it, once of each, when workers of another ledger take jobs off our queues."""
        if (ledger := self.worker.ledger) is None:
            return
        found = {worker.name: worker for worker in self._queue.workers() if not worker.may_be_of(ledger)}
        for name in found.keys() - self._neighbours:
            log.error(
                "another Mailroom's worker takes jobs off our queues: give each its own Redis database",
                worker=self.worker.name,
                host=found[name].hostname,
                pid=found[name].pid,
            )
        self._neighbours = frozenset(found)

    def stop(self) -> None:
        """The last beat was the last: the worker is off the lists from now on."""
        with self._beating:
            self._stopped = True
        self._try(self.worker.register_death)

    def _watch(self) -> None:
        worker, now = self.worker, time.monotonic()
        if worker.parent and os.getppid() != worker.parent and worker.stop_requested_at is None:
            log.warning("the worker lost its pool and stops", worker=worker.name)
            os.kill(os.getpid(), signal.SIGTERM)
        if worker.stop_requested_at and now - worker.stop_requested_at > STOP_WITHIN:
            log.error("the worker did not end in time and is cut off", worker=worker.name)
            os._exit(1)
        if worker.job_began_at and now - worker.job_began_at > self.job_timeout:
            log.error("the worker hangs and is cut off", worker=worker.name, job=worker.job and worker.job.id)
            os._exit(1)

    def _note_job(self) -> None:
        began_at = self.worker.job_began_at
        if began_at is not None and time.monotonic() - began_at >= NOTED_FROM:
            self._try(lambda: self.worker.note_job(self.redis))

    def tidy(self) -> None:
        """RQ's maintenance, by one worker at a time."""
        for name in self.worker.queue_names():
            jobs = JobList(name, self.redis)
            if jobs.acquire_maintenance_lock():
                put_aside(self.redis, [name])
                drop_unreadable(self.redis, [name])
                clean_registries(jobs)
                clean_worker_registry(jobs)
                self.redis.delete(jobs.registry_cleaning_key)

    def _try(self, action: Callable[[], None]) -> None:
        # The worker's own loop tells people of an outage, and what a beat says the next one says again.
        try:
            action()
        except (RedisError, QueueDown):
            pass
        except Exception as error:  # RQ stumbles over what a stranger put there; the worker lives on
            log.error(
                "something in Redis cannot be read", worker=self.worker.name, error=type(error).__name__
            )
