"""What a job does: claim a batch, send it, hand back what is left."""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as StillWorking

import structlog
from sqlalchemy.exc import DBAPIError

from mailroom.delivery.failure import Failure
from mailroom.engine import enqueue, process
from mailroom.engine.dispatch import Dispatch
from mailroom.engine.process import Process
from mailroom.ledger import batches, servers
from mailroom.ledger.batches import Lease
from mailroom.queue import BULK, URGENT, QueueDown

log = structlog.get_logger()

LOOKS_EVERY = 0.25
"""Seconds between a bulk job's looks at the urgent queue."""

BULK_TURN = 0.5
"""Seconds that a bulk job keeps its turn whoever waits, so that it is never starved."""


class JobFailed(Exception):
    """Says no more than that: a job's error is kept in Redis, where no address may get."""


def deliver_batch(batch_id: int, epoch: int) -> None:
    """Delivers this batch; harmless when somebody else has it or it is gone."""
    worker = process.current()
    try:
        _deliver(worker, batch_id, epoch)
    except DBAPIError as error:
        # The batch is not lost: unclaimed it is enqueued again, claimed its lease runs out.
        log.warning("the ledger is away", batch=batch_id, error=type(error.orig).__name__)
        time.sleep(1)
    except Exception as error:
        log.exception("a batch was not delivered", batch=batch_id)
        raise JobFailed(f"{type(error).__name__}: the worker's log says more") from None


def _deliver(worker: Process, batch_id: int, epoch: int) -> None:
    with worker.database.begin() as connection:
        lease = batches.claim(connection, batch_id, epoch, worker.name)
    if lease is None:
        log.info("somebody else has this batch", batch=batch_id)
        return
    server = worker.server(lease.route)
    with worker.database.read() as connection:
        closed_for = servers.closed_for_ms(connection, server.name)
    if closed_for > 0:
        _close(worker, lease, closed_for)
        return
    dispatch = worker.run(_dispatch(worker, lease)).result()
    _wait(worker, dispatch, lease)
    due_in = _note_server(worker, server.name, dispatch.server_failure)
    _close(worker, lease, due_in)


async def _dispatch(worker: Process, lease: Lease) -> Dispatch:
    with worker.database.read() as connection:
        deliveries = batches.contents_of(connection, lease)
        messages = worker.messages.of(connection, {row.mailing_id for row in deliveries})
    return Dispatch(
        worker.database,
        worker.direct,
        worker.sessions,
        worker.server(lease.route),
        lease,
        deliveries,
        messages,
        worker.settings.connections,
    )


def _wait(worker: Process, dispatch: Dispatch, lease: Lease) -> None:
    began = time.monotonic()
    done = worker.run(dispatch.run())
    worker.work_on(dispatch)
    try:
        while True:
            try:
                done.result(timeout=LOOKS_EVERY)
                return
            except StillWorking:
                if lease.queue == BULK and time.monotonic() - began >= BULK_TURN and _somebody_waits(worker):
                    worker.loop.call_soon_threadsafe(dispatch.hand_back)
    finally:
        worker.work_on(None)


def _somebody_waits(worker: Process) -> bool:
    try:
        return worker.queue.waiting(URGENT) > 0
    except QueueDown:
        return False


def _note_server(worker: Process, name: str, failure: Failure | None) -> int:
    """Opens or closes the circuit; how long to leave the server alone, in milliseconds."""
    with worker.database.begin() as connection:
        if failure is None:
            servers.healthy(connection, name)
            return 0
        code = failure.reply.code if failure.reply else None
        return servers.failed(connection, name, failure.stage, code, failure.message)


def _close(worker: Process, lease: Lease, due_in_ms: int) -> None:
    """Ends the batch, and puts what is due next onto the queue."""
    with worker.database.begin() as connection:
        mailing_ids = batches.mailings_of(connection, lease)
        if not batches.close(connection, lease, due_in_ms):
            log.warning("this batch could not be closed; it comes back by itself", batch=lease.batch_id)
            return
        gathered = batches.refill(connection, lease.queue, mailing_ids)
    enqueue.onto(worker.queue, gathered)
