"""The only package that knows RQ.

Queue        puts batches onto RQ's queues and asks after them; raises QueueDown
Worker       takes them off and runs them (`rq worker --worker-class mailroom.queue.Worker`)
Pool         keeps several Workers running
Job          what a Worker agrees to run

What of them stands in Redis: keys.py (its names), new_jobs.py (a batch as a job), worker_info.py (who works).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mailroom.queue.early import EarlyTransaction
from mailroom.queue.job import Job
from mailroom.queue.keys import BULK, URGENT
from mailroom.queue.new_jobs import NewBatch
from mailroom.queue.queue import EVICTS_NOTHING, BatchId, Queue, QueueDown
from mailroom.queue.worker_info import WorkerInfo

if TYPE_CHECKING:
    from mailroom.queue.pool import Pool
    from mailroom.queue.worker import Worker

__all__ = [
    "BULK",
    "EVICTS_NOTHING",
    "URGENT",
    "BatchId",
    "EarlyTransaction",
    "Job",
    "NewBatch",
    "Pool",
    "Queue",
    "QueueDown",
    "Worker",
    "WorkerInfo",
]


def __getattr__(name: str) -> Any:
    """`Worker` and `Pool` when somebody asks for them; a program that only enqueues does not."""
    if name == "Worker":
        from mailroom.queue.rq_command import point_rq_at_our_redis

        point_rq_at_our_redis()
    if name in ("Worker", "Pool"):
        return getattr(importlib.import_module(f"mailroom.queue.{name.lower()}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
