"""Jobs: what RQ may run. Batches of deliveries, and nothing else."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Collection
from typing import Any, ClassVar

import rq
from redis import Redis
from rq.exceptions import DeserializationError
from rq.serializers import JSONSerializer

DELIVER = "jobs.deliver.deliver"

JOB_FIELDS = frozenset(
    {
        *("created_at", "data", "description", "origin", "status", "worker_name", "exc_info"),
        *("enqueued_at", "started_at", "ended_at", "last_heartbeat"),
        *("timeout", "result_ttl", "failure_ttl"),
    }
)
"""What the hash of a job of ours may hold. Callbacks, webhooks, repeats, retries,
dependencies, groups and whatever RQ learns next are not in it."""


_FIELD_NAMES = {name.encode() for name in JOB_FIELDS}
_DATES = {name for name in _FIELD_NAMES if name.endswith(b"_at")} | {b"last_heartbeat"}

LARGEST_FIELD = 16 * 1024
"""Octets: a field of ours has some dozens, a traceback a few thousands."""

LARGEST_INFLATED = 256 * 1024
"""Of those that RQ inflates: a thousandth may be enough for it, and a page lists hundreds of jobs."""

ZLIB_MAGIC = tuple(bytes([window << 4 | 8]) for window in range(8))
"""How what zlib deflated begins (RFC 1950, 2.2), by the size of its window."""

LARGEST_NUMBER = 2**63 - 1
"""What a database can hold as an id."""


def is_too_large(value: bytes) -> bool:
    """As it is, or as RQ would inflate it."""
    if len(value) > LARGEST_FIELD:
        return True
    if not value.startswith(ZLIB_MAGIC):
        return False
    try:
        return len(zlib.decompressobj().decompress(value, LARGEST_INFLATED + 1)) > LARGEST_INFLATED
    except zlib.error:
        return False


class JobRefused(Exception):
    """A job that nobody here enqueued. Its words are ours, safe to show."""


class Job(rq.job.Job):
    """A job that runs one of `functions` on whole numbers, or is refused before anything is imported.

    A name must match exactly: after a mere prefix check, "jobs.deliver.os.system" would resolve.
    """

    functions: ClassVar[frozenset[str]] = frozenset({DELIVER})

    def __init__(
        self, id: str | None = None, connection: Redis | None = None, serializer: object = None
    ) -> None:
        # Always JSON, whatever the caller passes: RQ's default, pickle, runs code on reading.
        super().__init__(id, connection, JSONSerializer)
        self.unexpected: list[str] = []

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        """Fields that a job of ours never has are not read.

        RQ would follow them, to a callback or a group: when the job is deleted, or its worker is lost.
        """
        self._restore(raw_data)

    def restore_to_run(self, raw_data: dict[bytes, bytes]) -> None:
        """The same without its dates: RQ takes as long to read those as all else, and somebody waits."""
        self._restore(raw_data, leave_out=_DATES)

    def _restore(self, raw_data: dict[bytes, bytes], leave_out: Collection[bytes] = ()) -> None:
        known = {name: value for name, value in raw_data.items() if name in _FIELD_NAMES}
        if any(map(is_too_large, known.values())):
            raise JobRefused("refused: a field is too large")
        super().restore({name: value for name, value in known.items() if name not in leave_out})
        others = (name for name, value in raw_data.items() if value and name not in _FIELD_NAMES)
        self.unexpected = sorted(name.decode("ascii", "backslashreplace") for name in others)

    def check(self) -> None:
        if self.unexpected:
            raise JobRefused(f"refused: it carries {', '.join(self.unexpected)}")
        try:
            name, instance, args, kwargs = self.func_name, self.instance, self.args, self.kwargs
        except DeserializationError:
            raise JobRefused("refused: its content is not JSON") from None
        if name not in self.functions:
            raise JobRefused("refused: it names a function that is not one of Mailroom's")
        if instance is not None or kwargs or not all(type(arg) is int for arg in args):
            raise JobRefused("refused: its arguments are not whole numbers")
        if not all(0 <= arg <= LARGEST_NUMBER for arg in args):
            raise JobRefused("refused: its arguments are no numbers of rows")

    @property
    def func(self) -> Callable[..., Any]:
        self.check()
        module, _, function = str(self.func_name).rpartition(".")
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
        return found

    def get_call_string(self) -> str | None:
        """What rq-dashboard shows for a worker's present job."""
        return self.description


class JobList(rq.Queue):
    """RQ's own queue, reading and writing our kind of job only."""

    job_class = Job

    def __init__(self, name: str = "urgent", connection: Redis | None = None, **options: Any) -> None:
        super().__init__(name, connection=connection, **options | {"job_class": None, "serializer": "json"})
