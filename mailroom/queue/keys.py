"""Names of ours in Redis: queues, and the keys of jobs and workers as RQ has them."""

from __future__ import annotations

import re

from rq.defaults import RQ_KEY_PREFIX

from mailroom.queue.job import JobList

URGENT, BULK = "urgent", "bulk"
OUR_QUEUES = frozenset({URGENT, BULK})


def job_id(batch_id: int, epoch: int) -> str:
    return f"deliver-{batch_id}-{epoch}"


BATCH_JOB_ID = re.compile(r"deliver-([0-9]{1,18})-[0-9]{1,18}")


def batch_of(job_id: str) -> int | None:
    """The batch that a job of ours is named after; None for a job that is none of ours."""
    found = BATCH_JOB_ID.fullmatch(job_id)
    return int(found[1]) if found else None


def job_key(id: str) -> str:
    return f"{RQ_KEY_PREFIX}:job:{id}"


def queue_key(name: str) -> str:
    return f"{JobList.redis_queue_namespace_prefix}{name}"


def worker_key(name: str) -> str:
    return f"{RQ_KEY_PREFIX}:worker:{name}"
