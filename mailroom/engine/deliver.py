"""What a job does: claim a batch, send it, hand back what is left, go on with the next."""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as StillWorking

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailroom.delivery.failure import Failure
from mailroom.engine import enqueue, process
from mailroom.engine.dispatch import Dispatch
from mailroom.engine.process import Process
from mailroom.engine.sessions import is_about_one_connection
from mailroom.ledger import batches, gathering, servers
from mailroom.ledger.batches import Gathered, Lease
from mailroom.ledger.servers import Admission
from mailroom.queue import BULK, URGENT, QueueDown

log = structlog.get_logger()

LOOKS_EVERY = 0.25
"""Seconds between a bulk job's looks at the urgent queue."""

BULK_TURN = 0.5
"""Seconds that a bulk job keeps its turn whoever waits, so that it is never starved; and for which
it goes on with its mailing's next batches: a job for each costs more than their mails."""

CLOSES_FOR = 60.0
"""Seconds for which a batch is tried to be closed while the ledger is away. Left to its lease
it would count as a death of those mails that come next."""


class JobFailed(Exception):
    """Says no more than that: a job's error is kept in Redis, where no address may get."""


def deliver_batch(batch_id: int, epoch: int) -> None:
    """Delivers this batch; harmless when somebody else has it or it is gone."""
    worker = process.current()
    try:
        _Job(worker).run(batch_id, epoch)
    except DBAPIError as error:
        # The batch is not lost: unclaimed it is enqueued again, claimed its lease runs out.
        log.warning("the ledger is away", batch=batch_id, error=type(error.orig).__name__)
        time.sleep(1)
    except Exception as error:
        log.exception("a batch was not delivered", batch=batch_id)
        raise JobFailed(f"{type(error).__name__}: the worker's log says more") from None
    worker.stand_back()


class _Job:
    """One turn at the queue: a batch, and of a bulk mailing those that follow it."""

    def __init__(self, worker: Process) -> None:
        self._worker = worker
        self._began = time.monotonic()

    def run(self, batch_id: int, epoch: int) -> None:
        worker = self._worker
        with worker.database.begin() as connection:
            lease = batches.claim(connection, batch_id, epoch, worker.name)
            if lease is None:
                log.info("somebody else has this batch", batch=batch_id)
                return
            admission = servers.admit(connection, worker.server(lease.route).name)
            worker.turns_of(lease.route).set(connection)
        following: Lease | None = lease
        while following is not None:
            following = self._deliver(following, admission)
            admission = Admission(is_open=True)  # a batch that went well is followed by another

    def _deliver(self, lease: Lease, admission: Admission) -> Lease | None:
        """The next batch, if this job goes on with one."""
        if not admission.is_open:
            return self._close(lease)
        try:
            dispatch = self._dispatch(lease, admission.is_trial)
        except DBAPIError:
            self._close(lease)  # left to its lease it would count as a death
            raise
        self._wait(dispatch, lease)
        dispatch.turns.give_back()
        return self._close(lease, dispatch)

    def _dispatch(self, lease: Lease, is_trial: bool) -> Dispatch:
        worker = self._worker
        turns = worker.turns_of(lease.route)
        # Apart from the transaction that took the batch, which holds SQLite's one write lock.
        with worker.database.read() as connection:
            turns.look(connection)
            deliveries = batches.contents_of(connection, lease)
        messages = worker.messages.of(worker.database, {row.mailing_id for row in deliveries})
        return Dispatch(
            worker.loop,
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

    def _wait(self, dispatch: Dispatch, lease: Lease) -> None:
        worker = self._worker
        done = worker.run(dispatch.run())
        worker.work_on(dispatch)
        try:
            while True:
                try:
                    done.result(timeout=LOOKS_EVERY)
                    return
                except StillWorking:
                    if lease.queue == BULK and not self._has_turn() and self._somebody_waits():
                        worker.loop.call_soon_threadsafe(dispatch.give_way)
        finally:
            worker.work_on(None)

    def _has_turn(self) -> bool:
        return time.monotonic() - self._began < BULK_TURN

    def _somebody_waits(self) -> bool:
        try:
            return self._worker.queue.waiting(URGENT) > 0
        except QueueDown:
            return False

    def _close(self, lease: Lease, dispatch: Dispatch | None = None) -> Lease | None:
        """Ends the batch, puts what is due next onto the queue, and gives the batch to go on with.

        Without a server that works (`dispatch` None: it was not even tried) nothing more is
        put there: the sweeper goes on when the server may be tried again.
        """
        worker = self._worker
        deadline = time.monotonic() + CLOSES_FOR
        while True:
            try:
                following, gathered = self._end(lease, dispatch)
                break
            except DBAPIError:
                if worker.is_stopping or time.monotonic() > deadline:
                    raise
                time.sleep(LOOKS_EVERY)
        # Who gave way to urgent mail goes on where it was, not behind everybody else.
        enqueue.onto(worker.queue, gathered, at_front=dispatch is not None and dispatch.gave_way)
        return following

    def _end(self, lease: Lease, dispatch: Dispatch | None) -> tuple[Lease | None, list[Gathered]]:
        """The batch to go on with, and what is to be enqueued."""
        worker = self._worker
        with worker.database.begin() as connection:
            if dispatch is not None:
                _note_server(connection, dispatch)
            if not batches.close(connection, lease):
                log.warning("this batch could not be closed; it comes back by itself", batch=lease.batch_id)
                return None, []
            if dispatch is None or dispatch.server_failure is not None or dispatch.is_throttled:
                return None, []
            goes_on = lease.queue == BULK and self._has_turn() and not dispatch.is_ending
            if goes_on and not worker.is_stopping:
                following, gathered = gathering.next_of(connection, lease, dispatch.messages)
                if following is not None:
                    return following, gathered
            return None, gathering.refill(connection, lease.queue, dispatch.messages)


def _note_server(connection: Connection, dispatch: Dispatch) -> None:
    """Opens or closes the circuit."""
    name, failure = dispatch.server.name, dispatch.server_failure
    if failure is not None and _is_turned_away(connection, dispatch, failure):
        dispatch.sessions.turn_away()
        servers.healthy(connection, name)
    elif failure is not None:
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


def _is_turned_away(connection: Connection, dispatch: Dispatch, failure: Failure) -> bool:
    """Whether the server has no session left for this worker, but works for others."""
    name, lease = dispatch.server.name, dispatch.lease
    return is_about_one_connection(failure) and servers.serves_others(
        connection, name, lease.batch_id, lease.owner
    )
