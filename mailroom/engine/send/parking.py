"""Parking: sessions that wait for a silent server while their job goes on without them.

A job is short, and a server may take ten minutes to answer a final dot. So what is in the hands of
such sessions stays in its batch, under the batch's lease, and everything else leaves it. They are
looked after here, in the worker's loop, until each has ended as it would have ended in the job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.send.batch_sender import STOP_GRACE, BatchSender
from mailroom.engine.send.findings import Findings
from mailroom.engine.send.lane import Lane
from mailroom.engine.send.lanes import RunningLanes
from mailroom.engine.send.outage import LEDGER_RETRY
from mailroom.http.aside import aside
from mailroom.ledger.batches import batches
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.ledger.relays import parked_sessions
from mailroom.ledger.relays.parked_sessions import ParkedSession
from mailroom.smtp.envelope import Envelope
from mailroom.smtp.failure import Failure, Stage

log = structlog.get_logger()

T = TypeVar("T")

NOTED_EVERY = 1.0
"""Seconds between two looks whether the ledger knows of what is parked."""


class ParkedBatch:
    """What a batch's job left behind; the owner of those lanes. Belongs to one event loop."""

    def __init__(self, database: Database, sender: BatchSender, lanes: RunningLanes) -> None:
        self.relay = sender.relay
        self.answered_at = time.monotonic()
        self.lanes = lanes
        self._database = database
        self._lease = sender.lease
        self._recorder = sender.recorder
        self._has_lease = len(sender.parked) > 0  # else its lanes only connect, and the job closed the batch
        self._findings = Findings(self.relay, self._lease, sender.feed, self._recorder, sender.accepted_at)
        self._told: list[asyncio.Task[None]] = []
        self._telling = asyncio.Lock()
        for lane in lanes.values():
            lane.owner = self

    async def run(self) -> None:
        """Returns when all of its sessions have ended, every outcome is on disk and the batch closed."""
        keeping = asyncio.create_task(self._keep_lease())
        try:
            for result in await asyncio.gather(*self.lanes, return_exceptions=True):
                if isinstance(result, Exception):
                    log.error("a parked session failed", batch=self._lease.batch_id, exc_info=result)
            told = self._findings.failure
            self._findings.conclude()
            if self._findings.failure is not told:
                self._tell_relay()
            await asyncio.gather(*self._told)
            await self._recorder.drained()
            await self._close()
        finally:
            keeping.cancel()

    def stop(self, until: float) -> None:
        """Cuts off what is in flight at `until` (monotonic); who connects just stops."""
        for task, lane in self.lanes.items():
            if not lane.is_connected:
                task.cancel()
        asyncio.get_running_loop().call_later(until - time.monotonic(), self._cut_off)

    def _cut_off(self) -> None:
        for lane in self.lanes.values():
            lane.abort()

    # What its lanes report

    async def wait_for_turn(self) -> bool:
        return False

    async def begins(self) -> bool:
        return False

    # What ends or begins a trouble is told at once: the batch's end may be long after.
    def heard(self) -> None:
        self._findings.was_heard, self._findings.failure = True, None
        self._tell_relay()

    def accepted(self, envelope: Envelope, marked_at: float) -> None:
        self._findings.accepted(envelope, marked_at)
        self._findings.failure = None
        self._tell_relay()

    def suspects(self, delivery: WaitingDelivery, envelope: Envelope, failure: Failure) -> bool:
        return self._findings.keeps_back(delivery, envelope, failure)

    def failed(self, delivery: WaitingDelivery, failure: Failure) -> None:
        self._findings.failed(delivery, failure)

    def cannot_be_used(self, failure: Failure) -> None:
        self._findings.failure = failure
        self._tell_relay()

    def cannot_connect(self, failure: Failure, since: float) -> None:
        if not self.relay.sessions.has_worked_since(since):
            self.cannot_be_used(failure)

    def lose(self) -> None:
        log.warning("lost the lease of parked sessions", batch=self._lease.batch_id)

    def _tell_relay(self) -> None:
        # Of a trial the job has told already.
        tell = self._findings.found_so_far(is_trial=False)
        self._told.append(asyncio.create_task(self._write_in_turn(tell)))

    async def _write_in_turn(self, tell: Callable[[Connection], None]) -> None:
        async with self._telling:
            with suppress(*LEDGER_AWAY):
                await aside(partial(self._write, tell))

    def _write(self, act: Callable[[Connection], T]) -> T:
        with self._database.begin() as connection:
            return act(connection)

    # Its end

    async def _keep_lease(self) -> None:
        while self._has_lease:
            await asyncio.sleep(batches.LEASE_MS / 3000)
            with supervision.attempt("the lease of parked sessions", *LEDGER_AWAY):
                self._has_lease = await aside(partial(self._write, self._renew))

    def _renew(self, connection: Connection) -> bool:
        # What has waited for so long is not what a worker dies of.
        batches.note_in_hand(connection, self._lease, False)
        return batches.renew(connection, self._lease)

    async def _close(self) -> None:
        while True:
            try:
                return await aside(partial(self._write, self._end))
            except LEDGER_AWAY:
                await asyncio.sleep(LEDGER_RETRY)

    def _end(self, connection: Connection) -> None:
        self._findings.spare(connection)
        if self._has_lease and not batches.close(connection, self._lease):
            log.warning("a parked batch could not be closed", batch=self._lease.batch_id)


class Parking:
    """All parked batches of one worker process. Belongs to its event loop."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._parked: dict[asyncio.Task[None], ParkedBatch] = {}
        self._noted: dict[Lane, Stage] = {}
        self._noted_at = 0.0
        self._until: float | None = None  # a stop cuts off what is left then (monotonic)

    async def attend(self, sender: BatchSender) -> None:
        """Until the job has nothing more to do; what still waits for a server then is parked."""
        try:
            await sender.run()
        finally:
            if sender.left_behind:
                self._keep(ParkedBatch(self._database, sender, sender.left_behind))

    def _keep(self, batch: ParkedBatch) -> None:
        task = asyncio.create_task(batch.run())
        self._parked[task] = batch
        task.add_done_callback(self._parked.pop)
        supervision.isolated("a batch of parked sessions", task)
        if self._until is not None:
            batch.stop(self._until)

    def stop(self) -> None:
        """The worker was told to stop: what is parked has the grace of what is in flight, and no more."""
        self._until = self._until or time.monotonic() + STOP_GRACE
        for batch in self._parked.values():
            batch.stop(self._until)

    async def ended(self) -> None:
        """Returns when nothing is parked any more."""
        while self._parked:
            await asyncio.wait(list(self._parked))
        await self._note()

    async def run(self) -> None:
        """Keeps the ledger's notes of what is parked, until it is canceled."""
        while True:
            await asyncio.sleep(NOTED_EVERY)
            with supervision.attempt("noting parked sessions"):
                await self._note()

    async def _note(self) -> None:
        servers = {
            lane: batch.relay.server.name for batch in self._parked.values() for lane in batch.lanes.values()
        }
        present = {lane: lane.stage for lane in servers if not lane.is_over}
        now = time.monotonic()
        is_old = bool(present) and now - self._noted_at >= batches.LEASE_MS / 3000
        if present == self._noted and not is_old:
            return
        rows = [
            ParkedSession(servers[lane], stage, round((now - lane.since) * 1000))
            for lane, stage in present.items()
        ]
        try:
            await aside(partial(self._write, rows))
        except LEDGER_AWAY:
            return
        self._noted, self._noted_at = present, now

    def _write(self, rows: Sequence[ParkedSession]) -> None:
        with self._database.begin() as connection:
            parked_sessions.note(connection, self._worker, rows)
