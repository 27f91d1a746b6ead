"""Bookkeeping: RQ is told about a job, for rq-dashboard, in one round trip before it and one after.

RQ's own worker needs some fifteen. Nothing here decides anything; the ledger does.
"""

from __future__ import annotations

import time
import traceback
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
from mailroom.queue.queue import EXECUTION, FAILURE_TTL, RESULT_TTL
from mailroom.queue.strays import is_wrong_kind

log = structlog.get_logger()


class WorkerAtWork(AnyWorker, Protocol):
    """The worker whose job it is."""

    connection: Redis
    full: bool

    @property
    def job_class(self) -> type[Job]: ...

    def set_state(self, state: WorkerStatus, pipeline: Pipeline) -> None: ...

    def increment_successful_job_count(self, pipeline: Pipeline) -> None: ...

    def increment_failed_job_count(self, pipeline: Pipeline) -> None: ...


def execution(worker: WorkerAtWork, job: Job) -> Execution:
    return Execution(EXECUTION, job.id, worker.connection, worker.name)


def begin(worker: WorkerAtWork, queue_name: str, taken: bytes) -> Job | None:
    """Read the job and note that it runs here; None when it is gone or cannot be read."""
    try:
        job_id = as_text(taken)
        job = worker.job_class(job_id, worker.connection)
    except ValueError:
        log.error("what lay on the queue is no job's id", queue=queue_name)
        return None
    job.origin = queue_name
    worker.job, worker.job_began_at = job, time.monotonic()
    run = execution(worker, job)
    # No transaction: in a full Redis the job can still be read, and shall still be run.
    with worker.connection.pipeline(transaction=False) as pipe:
        pipe.hgetall(job.key)
        run.save(WORKER_TTL, pipe)
        ExecutionRegistry(job_id, worker.connection).add(run, WORKER_TTL, pipe)
        job.started_job_registry.add_execution(run, pipe, WORKER_TTL)
        pipe.sadd(run.worker_executions_key, run.composite_key)
        pipe.expire(run.worker_executions_key, WORKER_TTL)
        job.prepare_for_execution(worker.name, pipe)
        _state(worker, WorkerStatus.BUSY, job_id, pipe)
        fields = _send(worker, pipe)[0]
    started_at = job.started_at
    try:
        if is_wrong_kind(fields):
            raise fields
        job.restore(fields)
    except Exception as error:  # whatever a stranger may have put there
        _drop(worker, job, error)
        return None
    job.started_at, job.worker_name, job.origin = started_at, worker.name, queue_name
    return job


def end_well(worker: WorkerAtWork, job: Job) -> None:
    job.ended_at = now()
    with worker.connection.pipeline(transaction=False) as pipe:
        job.set_status(JobStatus.FINISHED, pipe)
        pipe.hset(job.key, "ended_at", utcformat(job.ended_at))
        job.cleanup(RESULT_TTL, pipe)
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
    with worker.connection.pipeline(transaction=False) as pipe:
        job.set_status(JobStatus.FAILED, pipe)
        job._handle_failure(shown, pipe, worker_name=worker.name)
        worker.increment_failed_job_count(pipe)
        _end(worker, job, pipe)


def _drop(worker: WorkerAtWork, job: Job, error: Exception) -> None:
    if not isinstance(error, NoSuchJobError):  # else somebody deleted it while it waited
        log.error("a job cannot be read and is dropped", job=job.id, exc_info=error)
    with worker.connection.pipeline(transaction=False) as pipe:
        pipe.delete(job.key)
        _end(worker, job, pipe)


def _end(worker: WorkerAtWork, job: Job, pipe: Pipeline) -> None:
    execution(worker, job).delete(job, pipe)
    if worker.job_began_at is not None:
        pipe.hincrbyfloat(worker.key, "total_working_time", round(time.monotonic() - worker.job_began_at, 3))
    worker.job = worker.job_began_at = None
    _state(worker, WorkerStatus.IDLE, "", pipe)
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
