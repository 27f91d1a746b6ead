"""Live workers of all machines, as they describe themselves in Redis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rq.utils import as_text, utcparse

from mailroom.queue.keys import worker_key

WORKER_FIELDS = ("hostname", "pid", "state", "queues", "job", "last_heartbeat", "troubles", "ledger")

LARGEST_PID = 2**31 - 1

NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9._-]")
LONGEST_HOST_NAME = 255
"""Of a host: whoever can write to Redis can say that it is anything, and it is shown."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A live worker as it describes itself in Redis."""

    name: str
    hostname: str
    pid: int
    state: str
    queues: tuple[str, ...]
    job_id: str | None
    last_heartbeat: datetime
    troubles: str  # what fails in it at present, in half a sentence
    ledger: str  # whose deliveries it makes; "": it does not say

    def may_be_of(self, ledger: str) -> bool:
        """Who says nothing may be of an older Mailroom that is about to be replaced."""
        return self.ledger in ("", ledger)


def read_worker(key: bytes, values: Sequence[bytes | None]) -> WorkerInfo:
    """Raises an exception of any kind for a record that is none of a live worker."""
    hostname, pid, state, queues, job, heartbeat, *rest = (as_text(value or b"") for value in values)
    troubles, ledger = rest
    number = int(pid or 0)
    if not 0 <= number <= LARGEST_PID:
        raise ValueError("no process has this number")
    return WorkerInfo(
        name=as_text(key).removeprefix(worker_key("")),
        hostname=NOT_OF_A_NAME.sub("?", hostname)[:LONGEST_HOST_NAME],
        pid=number,
        state=state or "starting",
        queues=tuple(queues.split(",")),
        job_id=job or None,
        last_heartbeat=utcparse(heartbeat),
        troubles=troubles,
        ledger=ledger,
    )
