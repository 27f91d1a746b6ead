"""The delivery job: claims a batch, sends it, hands back what is left, goes on with the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as StillWorking
from functools import cache, partial
from typing import NamedTuple

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mailroom import supervision
from mailroom.database.faults import LEDGER_AWAY
from mailroom.database.sql import planner
from mailroom.database.together import Together
from mailroom.engine import enqueue, worker_process
from mailroom.engine.send.batch_sender import BatchSender
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.growth import next_size
from mailroom.engine.send.recorder import Recorder
from mailroom.engine.send.relay import Relay
from mailroom.engine.worker_process import WorkerProcess
from mailroom.ledger.batches import batches, gather, park, turns, waiting_deliveries
from mailroom.ledger.batches.batches import Gathered, Lease
from mailroom.ledger.batches.gather import Following
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.ledger.feedback import tripping
from mailroom.ledger.relays.circuit import Admission
from mailroom.queue import BULK, URGENT, QueueDown
from mailroom.supervision import cause

log = structlog.get_logger()

URGENT_LOOKED_AT_EVERY = 0.25
"""Seconds between a bulk job's looks at the urgent queue."""

BULK_SLICE = 0.5
"""Seconds that a bulk job keeps its turn whoever waits, so that it is never starved; and for which
it goes on with its mailing's next batches: a job for each costs more than their mails."""

FEW = 5
"""Deliveries that are read in the transaction that takes them. While more are read, on SQLite, others would
wait for the write lock."""

CLOSING_TRIED_FOR = 60.0
"""Seconds for which a batch is tried to be closed while the ledger is away. Left to its lease
it would count as a death of those mails that come next."""

CLOSING_RETRY = 0.25
"""Seconds until the next try."""


class JobFailed(Exception):
    """Says no more than that: a job's error is kept in Redis, where no address may get."""


def deliver_batch(batch_id: int, epoch: int) -> None:
    """Delivers this batch; harmless when somebody else has it or it is gone."""
    worker = worker_process.current()
    try:
        _Job(worker).run(batch_id, epoch)
    except LEDGER_AWAY as error:
        # The batch is not lost: unclaimed it is enqueued again, claimed its lease runs out.
        log.warning("the ledger is away", batch=batch_id, reason=cause(error))
        time.sleep(1)
    except Exception as error:
        log.exception("a batch was not delivered", batch=batch_id)
        supervision.note("delivering", error)
        raise JobFailed(f"{type(error).__name__}: the worker's log says more") from None
    worker.stand_back()


class _Asked(NamedTuple):
    """What is to be known of a batch before it is sent, to be had when the transaction is over."""

    contents: Callable[[], list[WaitingDelivery]]
    look: Callable[[], None]  # at the rate
    accepted: Callable[[], int | None]


def _ask(connection: Connection, relay: Relay, batch_id: int) -> _Asked:
    return _Asked(
        cache(waiting_deliveries.contents_later(connection, batch_id)),
        relay.rate.look_later(connection),
        relay.circuit.accepted_later(connection),
    )


class _Job:
    """One turn at the queue: a batch, and of a bulk mailing those that follow it."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._began = time.monotonic()
        self._size_of_next = gather.SIZE
        self._asked: _Asked | None = None  # of the batch to go on with

    def run(self, batch_id: int, epoch: int) -> None:
        worker = self._worker
        self._batch_id = batch_id
        with worker.database.begin_often() as connection:
            lease = batches.claim(connection, batch_id, epoch, worker.name)
            if lease is None:
                log.info("somebody else has this batch", batch=batch_id)
                return
            relay = worker.relays.named(lease.route)
            relay.rate.set(connection)
            planner.keep_plans(connection)
            if worker.direct.is_remote:  # what admits it comes in the same round trip
                self._asked = _ask(connection, relay, batch_id)
            admission = relay.circuit.admit(connection)
            compile_all = self._read_few(connection, lease, relay) if lease.size <= FEW else None
        if compile_all is not None and admission.is_open:
            compile_all()
        following: Lease | None = lease
        while following is not None:
            following = self._deliver(following, relay, admission)
            admission = Admission(is_open=True)  # a batch that went well is followed by another

    def _read_few(self, connection: Connection, lease: Lease, relay: Relay) -> Callable[[], None] | None:
        """In the transaction that takes them. What it returns compiles what they say; None: they are to be
        read apart, as they hold files, or something that cannot be read and must not undo the taking.
        """
        try:
            asked = self._asked or _ask(connection, relay, lease.batch_id)
            mailing_ids = {row.mailing_id for row in asked.contents()}
            compile_all = self._worker.messages.ask(connection, mailing_ids, with_files=False)
        except SQLAlchemyError:
            raise
        except Exception as error:
            log.warning("a batch is read once more", batch=lease.batch_id, reason=type(error).__name__)
            return None
        self._asked = asked
        return compile_all

    def _deliver(self, lease: Lease, relay: Relay, admission: Admission) -> Lease | None:
        """The next batch, if this job goes on with one."""
        if not admission.is_open:
            return self._close(lease)
        try:
            sender = self._sender(lease, relay, admission.is_trial)
        except LEDGER_AWAY:
            self._close(lease)  # left to its lease it would count as a death
            raise
        began = time.monotonic()
        self._wait(sender, lease)
        pace = sender.feed.taken / max(time.monotonic() - began, 0.001)
        sent_in_a_while = next_size(pace, is_remote=self._worker.direct.is_remote)
        # A mailing that goes wrong is looked at when a batch ends.
        self._size_of_next = gather.SIZE if sender.recorder.has_failures else sent_in_a_while
        relay.rate.give_back()
        try:
            return self._close(lease, sender)
        finally:
            sender.feed.let_go_of_messages()

    def _sender(self, lease: Lease, relay: Relay, is_trial: bool) -> BatchSender:
        worker = self._worker
        # On SQLite apart from the transaction that took the batch, which holds its one write lock.
        if (asked := self._asked) is None:
            with worker.database.read_often() as connection:
                planner.keep_plans(connection)
                asked = _ask(connection, relay, lease.batch_id)
                if worker.database.is_sqlite:  # it has answered, so one transaction does for both
                    worker.messages.read(connection, {row.mailing_id for row in asked.contents()})
        asked.look()
        deliveries, accepted_at = asked.contents(), asked.accepted()
        messages = worker.messages.of(worker.database, {row.mailing_id for row in deliveries})
        recorder = Recorder(worker.loop, worker.database, worker.direct, lease, worker.rules)
        feed = Feed(deliveries, messages)
        return BatchSender(
            *(worker.database, relay, lease, feed, recorder),
            is_trial=is_trial,
            accepted_at=accepted_at,
            may_grow=partial(self._goes_on, lease),
        )

    def _goes_on(self, lease: Lease) -> bool:
        return lease.queue == BULK and self._has_turn() and not self._worker.is_stopping

    def _wait(self, sender: BatchSender, lease: Lease) -> None:
        worker = self._worker
        done = worker.run(worker.parking.attend(sender))
        worker.work_on(sender)
        try:
            while True:
                try:
                    done.result(timeout=URGENT_LOOKED_AT_EVERY)
                    return
                except StillWorking:
                    if lease.queue == BULK and not self._has_turn() and self._somebody_waits():
                        worker.loop.call_soon_threadsafe(sender.give_way)
        finally:
            worker.work_on(None)

    def _has_turn(self) -> bool:
        return time.monotonic() - self._began < BULK_SLICE

    def _somebody_waits(self) -> bool:
        try:
            return self._worker.queue.waiting(URGENT) > 0
        except QueueDown:
            return False

    def _close(self, lease: Lease, sender: BatchSender | None = None) -> Lease | None:
        """Ends the batch, puts what is due next onto the queue, and gives the batch to go on with.

        Without a server that works (`sender` None: it was not even tried) nothing more is
        put there: the sweeper goes on when the server may be tried again.
        """
        worker = self._worker
        deadline = time.monotonic() + CLOSING_TRIED_FOR
        while True:
            try:
                following, gathered = self._end(lease, sender)
                break
            except LEDGER_AWAY:
                if worker.is_stopping or time.monotonic() > deadline:
                    raise
                time.sleep(CLOSING_RETRY)
        # Who gave way to urgent mail goes on where it was, not behind everybody else.
        enqueue.onto(worker.queue, gathered, at_front=sender is not None and sender.gave_way)
        return following

    def _end(self, lease: Lease, sender: BatchSender | None) -> tuple[Lease | None, list[Gathered]]:
        """The batch to go on with, and what is to be enqueued."""
        self._asked = None
        with self._worker.database.begin_often() as connection:
            planner.keep_plans(connection)
            if not _has_ended(connection, lease, sender):
                log.warning("this batch could not be closed; it comes back by itself", batch=lease.batch_id)
                return None, []
            if sender is not None and sender.recorder.has_failures and lease.queue == BULK:
                self._trip(connection, sender)
            if sender is None or sender.is_stuck:
                return None, []
            following, gathered = self._gather(connection, lease, sender)
        if following is None:
            return None, gathered
        if (next_lease := following.lease()) is None:
            return None, [following.batch, *gathered]
        return next_lease, gathered

    def _trip(self, connection: Connection, sender: BatchSender) -> None:
        """Only now: what a batch holds is in the counters when it is closed. Small mailings tell no share."""
        found = tripping.look_at(connection, sender.feed.messages, self._worker.rules.why_pause)
        for mailing_id, why in found:
            log.warning("a mailing pauses itself", mailing=mailing_id, reason=why)

    def _gather(
        self, connection: Connection, lease: Lease, sender: BatchSender
    ) -> tuple[Following | None, list[Gathered]]:
        mailing_ids = sender.feed.messages
        if self._goes_on(lease) and not sender.feed.is_closed:
            following, gathered = gather.next_of(connection, lease, mailing_ids, self._size_of_next)
            if following is not None:
                turns.note(connection, following.batch.id, self._batch_id)
                if self._worker.direct.is_remote:
                    self._asked = _ask(connection, sender.relay, following.batch.id)
                return following, gathered
        return None, gather.refill(connection, lease.queue, mailing_ids)


def _has_ended(connection: Connection, lease: Lease, sender: BatchSender | None) -> bool:
    if sender is None:
        return batches.close(connection, lease)
    together = Together(connection)
    told = together.ask(sender.tell)
    if sender.parked:
        told()
        park.close_all_but(connection, lease, sender.parked)
        return True
    if sender.spares:
        told()  # whom it spares leave the batch before it ends
    has_ended = together.ask(batches.end, lease)()
    told()
    if has_ended:
        batches.give_back(connection, lease.batch_id)
    return has_ended
