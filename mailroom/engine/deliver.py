"""What a job does: claim a batch, send it, hand back what is left."""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as StillWorking

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

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


CLOSES_FOR = 60.0
"""Seconds for which a batch is tried to be closed while the ledger is away. Left to its lease
it would count as a death of those mails that come next."""


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
        admission = servers.admit(connection, worker.server(lease.route).name)
        worker.turns_of(lease.route).set(connection)
    if not admission.is_open:
        _close(worker, lease)
        return
    dispatch = worker.run(_dispatch(worker, lease, admission.is_trial)).result()
    _wait(worker, dispatch, lease)
    dispatch.turns.give_back()
    _close(worker, lease, dispatch)


async def _dispatch(worker: Process, lease: Lease, is_trial: bool) -> Dispatch:
    with worker.database.read() as connection:
        turns = worker.turns_of(lease.route)
        turns.look(connection)
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
        turns,
        worker.settings.backoff,
        is_trial=is_trial,
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
                    worker.loop.call_soon_threadsafe(dispatch.give_way)
    finally:
        worker.work_on(None)


def _somebody_waits(worker: Process) -> bool:
    try:
        return worker.queue.waiting(URGENT) > 0
    except QueueDown:
        return False


def _close(worker: Process, lease: Lease, dispatch: Dispatch | None = None) -> None:
    """Ends the batch, and puts what is due next onto the queue.

    Without a server that works (`dispatch` None: it was not even tried) nothing more is put
    there: the sweeper goes on when the server may be tried again.
    """
    deadline = time.monotonic() + CLOSES_FOR
    while True:
        try:
            gathered = _end(worker, lease, dispatch)
            break
        except DBAPIError:
            if worker.is_stopping or time.monotonic() > deadline:
                raise
            time.sleep(LOOKS_EVERY)
    # Who gave way to urgent mail goes on where it was, not behind everybody else.
    enqueue.onto(worker.queue, gathered, at_front=dispatch is not None and dispatch.gave_way)


def _end(worker: Process, lease: Lease, dispatch: Dispatch | None) -> list[batches.Gathered]:
    """What is to be enqueued next."""
    with worker.database.begin() as connection:
        if dispatch is not None:
            _note_server(connection, dispatch)
        mailing_ids = batches.mailings_of(connection, lease)
        if not batches.close(connection, lease):
            log.warning("this batch could not be closed; it comes back by itself", batch=lease.batch_id)
            return []
        if dispatch is None or dispatch.server_failure is not None or dispatch.is_throttled:
            return []
        return batches.refill(connection, lease.queue, mailing_ids)


def _note_server(connection: Connection, dispatch: Dispatch) -> None:
    """Opens or closes the circuit."""
    name, failure = dispatch.server.name, dispatch.server_failure
    if failure is not None:
        reply = failure.reply
        asked_ms = reply.retry_after * 1000 if reply and reply.retry_after else None
        servers.failed(
            connection,
            name,
            failure.stage,
            failure.code,
            failure.message,
            is_trial=dispatch.is_trial,
            pause_ms=asked_ms,
        )
    elif dispatch.was_heard:
        # Perhaps another worker could not connect while this one's sessions were fine.
        servers.healthy(connection, name)
    elif dispatch.is_trial:
        servers.not_tried(connection, name)
