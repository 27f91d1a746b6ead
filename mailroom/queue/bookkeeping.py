"""Bookkeeping: RQ is told about a job, for rq-dashboard, in one round trip after it.

A job that lasts is told of while it runs as well, by the heartbeat's thread: whoever waits for the mail need
not wait for the note. RQ's own worker needs some fifteen round trips. Nothing here decides anything; the
ledger does.
"""

from __future__ import annotations

import time
import traceback
from threading import Lock
from typing import Any, Protocol

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq.exceptions import NoSuchJobError
from rq.executions import Execution, ExecutionRegistry
from rq.job import JobStatus
from rq.utils import as_text, now, utcformat
from rq.worker import WorkerStatus

from mailroom.queue.heartbeat import WORKER_TTL, AnyWorker
from mailroom.queue.job import Job, JobRefused
from mailroom.queue.kept_line import KeptLine
from mailroom.queue.new_jobs import EXECUTION, FAILURE_TTL, RESULT_TTL
from mailroom.queue.strays import is_wrong_kind
from mailroom.queue.transaction import command

log = structlog.get_logger()


class WorkerAtWork(AnyWorker, Protocol):
    """The worker whose job it is."""

    connection: Redis
    line: KeptLine
    full: bool
    is_noted: bool
    noting: Lock

    @property
    def job_class(self) -> type[Job]: ...

    def set_state(self, state: WorkerStatus, pipeline: Pipeline) -> None: ...

    def increment_successful_job_count(self, pipeline: Pipeline) -> None: ...

    def increment_failed_job_count(self, pipeline: Pipeline) -> None: ...


def execution(worker: WorkerAtWork, job: Job) -> Execution:
    return Execution(EXECUTION, job.id, worker.connection, worker.name)


def begin(worker: WorkerAtWork, queue_name: str, taken: bytes) -> Job | None:
    """Read the job; None when it is gone or cannot be read."""
    try:
        job_id = as_text(taken)
        job = worker.job_class(job_id, worker.connection)
    except ValueError:
        log.error("what lay on the queue is no job's id", queue=queue_name)
        return None
    job.origin = queue_name
    worker.job, worker.job_began_at = job, time.monotonic()
    # Should this worker die before its job is noted, nobody would take it away.
    fields, _ = worker.line.ask(command("HGETALL", job.key), command("EXPIRE", job.key, str(FAILURE_TTL)))
    worker.line.let_go()
    if isinstance(fields, RedisError) and not is_wrong_kind(fields):
        raise fields
    try:
        if is_wrong_kind(fields):
            raise fields
        job.restore_to_run(
            fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
        )
    except Exception as error:  # whatever a stranger may have put there
        _drop(worker, job, error)
        return None
    job.started_at, job.worker_name, job.origin = now(), worker.name, queue_name
    return job


def note(worker: WorkerAtWork, redis: Redis) -> None:
    """Note that the present job runs here, unless that is noted; from another thread than the job's."""
    with worker.noting:
        job = worker.job
        if job is None or job.started_at is None or worker.is_noted:
            return
        worker.is_noted = True  # tried once: the next heartbeat tells of it again
        run = execution(worker, job)
        # No transaction: a full Redis takes what it can.
        with redis.pipeline(transaction=False) as pipe:
            run.save(WORKER_TTL, pipe)
            ExecutionRegistry(job.id, redis).add(run, WORKER_TTL, pipe)
            job.started_job_registry.add_execution(run, pipe, WORKER_TTL)
            pipe.sadd(run.worker_executions_key, run.composite_key)
            pipe.expire(run.worker_executions_key, WORKER_TTL)
            pipe.hset(job.key, mapping=_begun(job, JobStatus.STARTED))
            _state(worker, WorkerStatus.BUSY, job.id, pipe)
            _send(worker, pipe)


def _begun(job: Job, status: JobStatus) -> dict[Any, str]:
    assert job.started_at is not None
    return {
        "status": status.value,
        "started_at": utcformat(job.started_at),
        "worker_name": job.worker_name or "",
        "last_heartbeat": utcformat(now()),
    }


def end_well(worker: WorkerAtWork, job: Job) -> None:
    job.ended_at = now()
    with worker.noting, worker.connection.pipeline(transaction=False) as pipe:
        ended: dict[Any, str] = {"ended_at": utcformat(job.ended_at)}
        pipe.hset(job.key, mapping=_begun(job, JobStatus.FINISHED) | ended)
        pipe.expire(job.key, RESULT_TTL)
        job.finished_job_registry.add(job, RESULT_TTL, pipe)
        worker.increment_successful_job_count(pipe)
        _end(worker, job, pipe)


def end_badly(worker: WorkerAtWork, job: Job, error: Exception) -> None:
    """File the job as failed. An exception's words may quote an address, a subject or a
    mail server: they stay in the log. Only where it happened goes to Redis, or why we refused."""
    log.error("a job failed", job=job.id, exc_info=error)
    frames = traceback.extract_tb(error.__traceback__)
    where = "".join(f"{frame.filename}:{frame.lineno} in {frame.name}\n" for frame in frames)
    shown = str(error) if isinstance(error, JobRefused) else f"{where}{type(error).__name__}"
    job.ended_at, job.failure_ttl = now(), FAILURE_TTL
    with worker.noting, worker.connection.pipeline(transaction=False) as pipe:
        job.set_status(JobStatus.FAILED, pipe)
        pipe.hset(job.key, mapping=_begun(job, JobStatus.FAILED))
        job._handle_failure(shown, pipe, worker_name=worker.name)
        worker.increment_failed_job_count(pipe)
        _end(worker, job, pipe)


def _drop(worker: WorkerAtWork, job: Job, error: Exception) -> None:
    if not isinstance(error, NoSuchJobError):  # else somebody deleted it while it waited
        log.error("a job cannot be read and is dropped", job=job.id, exc_info=error)
    with worker.noting, worker.connection.pipeline(transaction=False) as pipe:
        pipe.delete(job.key)
        _end(worker, job, pipe)


def _end(worker: WorkerAtWork, job: Job, pipe: Pipeline) -> None:
    if worker.job_began_at is not None:
        pipe.hincrbyfloat(worker.key, "total_working_time", round(time.monotonic() - worker.job_began_at, 3))
    if worker.is_noted:
        execution(worker, job).delete(job, pipe)
        _state(worker, WorkerStatus.IDLE, "", pipe)
    worker.job, worker.job_began_at, worker.is_noted = None, None, False
    _send(worker, pipe)


def _state(worker: WorkerAtWork, state: WorkerStatus, job_id: str, pipe: Pipeline) -> None:
    worker.set_state(state, pipe)
    pipe.hset(worker.key, "job", job_id)


def _send(worker: WorkerAtWork, pipe: Pipeline) -> list[Any]:
    """What the pipeline answered. That a full Redis takes no notes is worth a line, not a stop."""
    results = pipe.execute(raise_on_error=False)
    errors = [result for result in results if isinstance(result, RedisError)]
    if errors and not worker.full:
        log.warning("Redis refuses to note what the worker does", worker=worker.name, reason=str(errors[0]))
    worker.full = bool(errors)
    if isinstance(results[0], RedisError) and not is_wrong_kind(results[0]):
        raise results[0]
    return results
