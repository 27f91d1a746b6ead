"""The RQ worker: takes batches off the queues and runs them in its own process."""

from __future__ import annotations

import importlib
import os
import re
import secrets
import signal
import socket
import time
from collections.abc import Iterable
from threading import Lock
from types import FrameType
from typing import Any, ClassVar, cast

import rq
import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout
from rq import worker_registration
from rq.defaults import DEFAULT_LOGGING_DATE_FORMAT, DEFAULT_LOGGING_FORMAT
from rq.utils import as_text, now
from rq.worker import SimpleWorker

from mailroom import supervision
from mailroom.queue import bookkeeping
from mailroom.queue.connection import connect
from mailroom.queue.heartbeat import WORKER_TTL, Heartbeat
from mailroom.queue.job import Job, JobList
from mailroom.queue.kept_line import KeptLine
from mailroom.queue.new_jobs import JOB_TIMEOUT
from mailroom.queue.queue import Queue
from mailroom.queue.strays import is_wrong_kind, put_aside
from mailroom.queue.transaction import command
from mailroom.stop_signals import stop_signals

log = structlog.get_logger()

POP_SECONDS = 0.5
"""Seconds of one blocking pop. A stop request ends the worker between two of them: to break
one off could lose a job that Redis has just handed over."""

POP_REPLY_TIMEOUT = 3.0
"""Seconds until a blocking pop of POP_SECONDS counts as unanswered."""

RETRY_WAIT = 0.5
"""Seconds between two tries to reach Redis. RQ's wait doubles up to a minute."""

DOUBLE = 0.5
"""Seconds within which a second signal is the same one: Ctrl-C reaches the pool and its workers."""

BULK_EVERY_TURNS = 5
"""Every fifth turn belongs to the less urgent queue, if it has a job."""


def worker_name(pid: int | None = None, token: str | None = None) -> str:
    """A name that no other worker has, on this machine or another."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname().partition(".")[0])
    return f"{host}-{pid or os.getpid()}-{token or secrets.token_hex(3)}"


class Worker(SimpleWorker):
    """Runs jobs in its own process, so that SMTP sessions live on from one to the next.

    No scheduler (the ledger decides when), no command channel (Redis stops nobody), no
    retries, callbacks or results, and one round trip before a job and one after it.
    """

    job_class = Job
    queue_class: type[rq.Queue] = JobList

    engine_module: ClassVar[str] = "mailroom.engine.worker_process"
    """What is opened before the first job and closed after the last: start(name, queue),
    is_held() before each job, request_stop() from a signal handler, stop(). Before start, unless a pool
    did so before it forked: leave_if_not_alone(queue). ledger(): its name, None while that is not known."""

    parent: int | None = None
    """The pool's process; when it is gone, so shall be the worker, or the next pool doubles them."""

    def __init__(
        self,
        queues: Iterable[str | rq.Queue],
        name: str | None = None,
        *,
        connection: Redis,
        prepare_for_work: bool = True,
        **_: Any,  # RQ's command passes its defaults: pickle, its own Job and Queue, its TTLs
    ) -> None:
        names = [queue if isinstance(queue, str) else queue.name for queue in queues]
        if prepare_for_work:
            connection = connect(connection, reply_timeout=POP_REPLY_TIMEOUT)
        super().__init__(
            names,
            name or worker_name(),
            connection=connection,
            worker_ttl=WORKER_TTL,
            serializer="json",
            # Would ask Redis for this worker's address, and fail when Redis is away.
            prepare_for_work=False,
        )
        if prepare_for_work:
            self.hostname, self.pid = socket.gethostname(), os.getpid()
            self.birth_date = now()
        self.line = KeptLine(connection)
        self.job: Job | None = None
        self.job_began_at: float | None = None  # by the monotonic clock, as below
        self.stop_requested_at: float | None = None
        self.suspended = False  # by `rq suspend`
        self.is_noted = False  # in Redis: that it runs this job
        self.noting = Lock()
        self._engine: Any = None
        self._urgent_turns = 0
        self._known = False  # to Redis, as far as we know
        self._unreachable = False
        self.full = False  # Redis is, and takes no notes

    def _set_connection(self, connection: Redis) -> Redis:
        # RQ's would raise the socket timeout to minutes, even when it only lists the workers.
        return connection

    def work(
        self,
        burst: bool = False,
        logging_level: str | None = None,
        date_format: str = DEFAULT_LOGGING_DATE_FORMAT,
        log_format: str = DEFAULT_LOGGING_FORMAT,
        max_jobs: int | None = None,
        max_idle_time: int | None = None,
        with_scheduler: bool = False,
        dequeue_strategy: Any = None,
    ) -> bool:
        """Run jobs until told to stop, or until there is none (`burst`); True if any was run."""
        for signum in stop_signals():
            signal.signal(signum, self.request_stop)
        # By name: the engine imports this package, and `rq worker` knows only this package.
        engine = importlib.import_module(self.engine_module)
        queue = Queue(self.connection)
        heartbeat = Heartbeat(self, queue.redis, JOB_TIMEOUT)
        if self.parent is None:
            engine.leave_if_not_alone(queue)
        engine.start(self.name, queue)
        self._engine = engine
        heartbeat.start()
        log.info("the worker listens", worker=self.name, queues=self.queue_names())
        try:
            return self._work(heartbeat, burst, max_jobs, max_idle_time)
        finally:
            try:
                engine.stop()
            finally:
                heartbeat.stop()
                log.info("the worker ends", worker=self.name)
            if supervision.has_lost_a_part():
                raise SystemExit(1)

    def _work(
        self, heartbeat: Heartbeat, burst: bool, max_jobs: int | None, max_idle_time: int | None
    ) -> bool:
        done, idle_since = 0, time.monotonic()
        while not self._stop_requested and (max_jobs is None or done < max_jobs):
            try:
                if not self._known:
                    heartbeat.beat()
                    self._reached()
                is_held = self._engine.is_held()
                if is_held and burst:
                    break
                if self.suspended or is_held:
                    time.sleep(POP_SECONDS)
                    continue
                taken = self._take(burst)
                if taken:
                    self._run(*taken)
            except RedisError as error:
                if is_wrong_kind(error) and self._has_mended():
                    continue
                if burst:
                    raise
                self._wait_out(error)
                continue
            if taken:
                done, idle_since = done + 1, time.monotonic()
            elif burst or (max_idle_time and time.monotonic() - idle_since > max_idle_time):
                break
        return done > 0

    # Signals

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """The first signal: finish what is in flight and end. The next one: end now."""
        if self.stop_requested_at is not None:
            if time.monotonic() - self.stop_requested_at > DOUBLE:
                os._exit(128 + signum)
            return
        self.stop_requested_at = time.monotonic()
        self._stop_requested = True
        if self._engine is not None:
            self._engine.request_stop()

    # One job

    def _take(self, burst: bool) -> tuple[rq.Queue, bytes] | None:
        """The next job's queue and id, in the order of the queues; in another one time in BULK_EVERY_TURNS.

        The id as it lay there: it may be anything. A plain pop: RQ's intermediate list, which would
        show a worker's death right after it, works for one queue only. The ledger's sweeper misses
        such a job anyway.
        """
        queues = self.queues
        if self._urgent_turns % BULK_EVERY_TURNS == BULK_EVERY_TURNS - 1:
            queues = [*queues[1:], queues[0]]
        keys = [queue.key for queue in queues]
        found = self._pop_now(keys) if burst else self._pop(command("BLPOP", *keys, str(POP_SECONDS)))
        if found is None:
            return None
        key, job_id = as_text(found[0]), cast(bytes, found[1])
        self._urgent_turns = self._urgent_turns + 1 if key == self.queues[0].key else 0
        return next(queue for queue in queues if queue.key == key), job_id

    def _pop(self, pop: bytes) -> Any:
        (found,) = self.line.ask(pop)
        if isinstance(found, RedisError):
            raise found
        return found

    def _pop_now(self, keys: list[str]) -> tuple[str, bytes] | None:
        popped = ((key, self._pop(command("LPOP", key))) for key in keys)
        return next(((key, cast(bytes, job_id)) for key, job_id in popped if job_id is not None), None)

    def _run(self, queue: rq.Queue, job_id: bytes) -> None:
        job = bookkeeping.begin(self, queue.name, job_id)
        if job is None:
            return
        try:
            job.perform()
        except Exception as error:
            bookkeeping.end_badly(self, job, error)
        else:
            bookkeeping.end_well(self, job)

    # Outages

    def _wait_out(self, error: RedisError) -> None:
        if not self._unreachable:
            reason = "no answer" if isinstance(error, RedisTimeout) else str(error)
            log.warning("Redis cannot be used; trying until it can", worker=self.name, reason=reason)
        self._known, self._unreachable = False, True
        self.job, self.job_began_at, self.is_noted = None, None, False
        time.sleep(RETRY_WAIT)

    def _has_mended(self) -> bool:
        """Whether what was no queue stands in nobody's way any more."""
        try:
            return put_aside(self.connection, self.queue_names())
        except RedisError:
            return False

    def _reached(self) -> None:
        if self._unreachable:
            log.info("Redis is back", worker=self.name)
        self._known, self._unreachable = True, False

    # What others read

    def register(self, pipe: Pipeline, ttl: int) -> None:
        """Write down all there is to say about this worker and its job, to be forgotten after `ttl`."""
        self.last_heartbeat = now()
        job = self.job if self.is_noted else None
        about = {
            "state": self.get_state(),
            "job": job.id if job else "",
            "troubles": "; ".join(supervision.troubles()),
            "ledger": self.ledger or "",
        }
        pipe.hset(self.key, mapping=self.serialize() | about)
        worker_registration.register(self, pipe)
        pipe.expire(self.key, ttl)
        if job:
            bookkeeping.execution(self, job).heartbeat(job.started_job_registry, ttl, pipe)
            pipe.expire(self.executions_key, ttl)

    def note_job(self, redis: Redis) -> None:
        bookkeeping.note(self, redis)

    @property
    def ledger(self) -> str | None:
        """Whose deliveries are made here, as far as that is known."""
        return cast(str | None, self._engine and self._engine.ledger())

    def register_death(self) -> None:
        with self.connection.pipeline() as pipe:
            worker_registration.unregister(self, pipe)
            pipe.delete(self.key, self.executions_key)
            pipe.execute()
