"""Enqueueing: from the ledger onto the queue, after the commit, and allowed to fail.

What an acceptance enqueues sooner has reasons of its own: accept/early_jobs.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from mailroom.ledger.batches.batches import Gathered
from mailroom.queue import NewBatch, Queue, QueueDown

log = structlog.get_logger()


def onto(queue: Queue, gathered: Sequence[Gathered], *, at_front: bool = False, again: bool = False) -> bool:
    """Enqueues a job a batch. False: the queue is away, and the sweeper will do it later."""
    if not gathered:
        return True
    try:
        queue.enqueue(jobs_of(gathered), at_front=at_front, again=again)
    except QueueDown as down:
        log.warning("the queue is away; sending starts when it is back", reason=str(down))
        return False
    except Exception:
        # Whatever it is, the batches are on disk, and who is told of an error submits them again.
        log.exception("a batch was not enqueued; the sweeper will do it")
        return False
    return True


def jobs_of(gathered: Sequence[Gathered]) -> list[NewBatch]:
    """As a queue wants to know them."""
    return [(batch.id, batch.epoch, batch.size, batch.queue) for batch in gathered]
