"""RQ's jobs, queues and workers as rq-dashboard may see them: only what can be read is there.

One entry that nobody can read must not hide all the others.
"""

from __future__ import annotations

import re
from base64 import b64decode
from math import isfinite
from typing import Any

import rq
from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.results import Result
from rq.utils import as_text
from rq.worker import BaseWorker

from mailroom.queue.job import Job, JobList, is_too_large
from mailroom.queue.keys import queue_key
from mailroom.queue.strays import readable
from mailroom.queue.worker import Worker

QUEUE_KEY = re.compile(f"{queue_key('')}([A-Za-z0-9][A-Za-z0-9_.-]{{0,99}})".encode())


class ReadableJob(Job):
    """A job whose every field can be shown, or NoSuchJobError."""

    @classmethod
    def fetch(cls, id: str, connection: Redis | None = None, serializer: Any = None) -> rq.job.Job:
        job = readable(super().fetch, id, connection)
        if job is None:
            raise NoSuchJobError("there is no such job, or it cannot be read")
        return job

    def get_meta(self, refresh: bool = True) -> dict[str, Any]:
        return readable(super().get_meta, refresh) or {}

    def latest_result(self, timeout: int = 0) -> Result | None:
        return None if self._is_result_too_large() else readable(super().latest_result, timeout)

    def _is_result_too_large(self) -> bool:
        """Whether a field of it is no traceback, or is a large one when RQ inflates it."""
        key = Result.get_key(self.id)  # type: ignore[no-untyped-call]
        asked: Any = self.connection.xrevrange
        found: list[tuple[bytes, dict[bytes, bytes]]] = readable(asked, key, "+", "-", 1) or []
        return any(
            is_too_large(value) or is_too_large(readable(b64decode, value) or b"")
            for _, fields in found
            for value in fields.values()
        )


class ReadableQueue(JobList):
    """A queue whose name is plain in an address, an attribute and a script alike."""

    job_class = ReadableJob

    @classmethod
    def all(cls, connection: Redis, *_: Any, **__: Any) -> list[rq.Queue]:
        keys: set[Any] = connection.smembers(cls.redis_queues_keys)
        return [cls(as_text(key[1]), connection) for key in map(QUEUE_KEY.fullmatch, keys) if key]

    def fetch_job(self, job_id: str) -> rq.job.Job | None:
        """RQ's own takes an id that it does not know off the queue: a change, by a mere look."""
        job = readable(self.job_class.fetch, job_id, self.connection)
        return job if job and job.origin == self.name else None


class ReadableWorker(Worker):
    """A worker of which whatever is shown can be read; the others are left out of the list."""

    job_class = ReadableJob
    queue_class = ReadableQueue

    @classmethod
    def all(cls, connection: Redis | None = None, *_: Any, **__: Any) -> list[BaseWorker]:
        assert connection
        keys = connection.smembers(cls.redis_workers_keys)
        found = (readable(lambda key: cls.find_by_key(as_text(key), connection), key) for key in keys)
        return [worker for worker in found if worker]

    def refresh(self) -> None:
        super().refresh()  # type: ignore[no-untyped-call]
        if not isfinite(self.total_working_time):
            raise ValueError("no JSON has such a number")

    def get_current_job(self) -> rq.job.Job | None:
        return readable(super().get_current_job)  # it may have ended and be deleted between two questions
