"""Batch sender: one batch over as many SMTP sessions as it calls for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Set
from contextlib import suppress
from functools import partial

import structlog
from sqlalchemy import Connection

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.findings import Findings
from mailroom.engine.send.growth import Growth
from mailroom.engine.send.in_hand import InHandNote
from mailroom.engine.send.lanes import Lanes, RunningLanes
from mailroom.engine.send.recorder import Recorder
from mailroom.engine.send.relay import Relay
from mailroom.engine.send.session_pool import WAIT_WORTH_A_SESSION
from mailroom.http.aside import aside
from mailroom.ledger.batches import batches
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.ledger.mailings import mailings
from mailroom.smtp.envelope import Envelope
from mailroom.smtp.failure import Failure

log = structlog.get_logger()

JOB_WORKS_FOR = 20.0
"""Seconds after which what is left is handed back: a job is short."""

MAILINGS_LOOKED_AT_EVERY = 1.0
"""Seconds between two looks whether a mailing was paused, and whether the rate has changed."""

STOP_GRACE = 7.0
"""Seconds that mails in flight may still take once the worker was told to stop."""


class BatchSender:
    """Sends what a lease holds. Belongs to one event loop; the lanes' owner."""

    def __init__(
        self,
        database: Database,
        relay: Relay,
        lease: Lease,
        feed: Feed,
        recorder: Recorder,
        *,
        is_trial: bool = False,
        accepted_at: int | None = None,
        may_grow: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_trial`: the server was in trouble, and this worker alone finds out whether it still is.
        `accepted_at`: when it was last known to work again, by the ledger's clock (milliseconds).
        `may_grow`: whether more is fetched of its mailing, while all goes well.
        """
        self.relay = relay
        self.feed = feed
        self.is_trial = is_trial
        self.accepted_at = accepted_at
        self.findings = Findings(relay, lease, feed, recorder, accepted_at)
        self.is_throttled = False
        self.is_crowded_out = False  # no session was left for some of it
        self.gave_way = False
        self.left_behind: RunningLanes = {}
        """The lanes that wait for a silent server when the job ends: see parking.py."""
        self.parked: list[int] = []
        """The deliveries that these have in hand."""
        self.lease = lease
        self.recorder = recorder
        self.answered_at = time.monotonic()
        self._database = database
        self._cut_off: asyncio.TimerHandle | None = None  # once its worker was told to stop
        self._ending = asyncio.Event()
        self._until = time.monotonic() + JOB_WORKS_FOR
        at_most = min(relay.sessions.at_most, lease.max_sessions or relay.sessions.at_most)
        self._lanes = Lanes(self, relay, feed, recorder, at_most, is_trial=is_trial)
        self._in_hand = InHandNote(database, lease, lambda: self._lanes.has_in_hand)
        self._growth = Growth(database, lease, feed, lambda: self._goes_well and may_grow(), self._go_on)
        self._trial_s_end: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Returns when all is sent, handed back or left behind, and every outcome is on disk."""
        if self.lease.is_tried_alone or self.relay.rate.is_slow:
            await self._in_hand.note(False)
        self._lanes.open_wanted()
        watch = asyncio.create_task(self._watch())
        failed: BaseException | None = None
        try:
            while self._lanes.running or self._growth.task is not None:
                fetching = {self._growth.task} if self._growth.task is not None else set()
                under_way = {*self._lanes.running, *fetching, watch}
                done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._lanes.running.pop(task, None)
                    if not task.cancelled() and (error := task.exception()) is not None:
                        failed = failed or error
                        self.hand_back()  # the others end as they end
                self._leave_behind_what_only_waits()
        finally:
            watch.cancel()
            self._lanes.abort()
            await asyncio.gather(*self._lanes.running, return_exceptions=True)
            await self._growth.ended()
        if self._trial_s_end is not None:
            await self._trial_s_end
        self._note_leftovers()
        self.findings.conclude()
        await self.recorder.drained()
        if failed is not None:
            raise failed

    # What its worker tells and asks

    @property
    def is_stuck(self) -> bool:
        """Whether nothing more can be sent there for now."""
        return self.findings.failure is not None or self.is_throttled or self.is_crowded_out

    @property
    def spares(self) -> bool:
        """Whether `tell` puts somebody back."""
        return self.findings.spares

    def tell(self, connection: Connection) -> None:
        """Notes what was found out: of the server, and of whom it refused because of us."""
        self.findings.tell_relay(connection, is_trial=self.is_trial)
        self.findings.spare(connection)

    def hand_back(self) -> None:
        """Begins no further mail; those in flight end as they end."""
        self.feed.close()
        self._ending.set()

    def give_way(self) -> None:
        """Hands back because urgent mail waits."""
        self.gave_way = self.gave_way or len(self.feed) > 0
        self.hand_back()

    def stop(self) -> None:
        """Hands back, and cuts off what is still in flight after the grace; who connects just stops."""
        if self._cut_off is None:
            self._cut_off = asyncio.get_running_loop().call_later(STOP_GRACE, self._lanes.abort)
        self.hand_back()
        self._lanes.stop_connecting()

    # What its lanes report

    async def wait_for_turn(self) -> bool:
        """Until the rate lets a mail go. False: not within this job's time, so it is over."""
        if self.relay.rate.is_slow:
            await self._in_hand.note(False)
        if await self.relay.rate.wait(self._until, self._ending):
            return True
        self.is_throttled = self.is_throttled or not self.feed.is_closed
        self.hand_back()
        return False

    async def begins(self) -> bool:
        """Notes that something is in hand, where it was noted that nothing is. False: the ledger is away."""
        if await self._in_hand.note(True):
            return True
        self.hand_back()
        return False

    def heard(self) -> None:
        """The server refuses mails one by one: it works."""
        self.findings.was_heard = True
        if self.is_trial:
            self._end_trial(None)

    def accepted(self, envelope: Envelope, marked_at: float) -> None:
        """The server takes mails."""
        self.findings.accepted(envelope, marked_at)
        if self.is_trial:
            self._end_trial(round((time.monotonic() - marked_at) * 1000))

    def _end_trial(self, accepted_ms_ago: int | None) -> None:
        if self._trial_s_end is None or self._trial_s_end.done():
            self._trial_s_end = asyncio.create_task(self._tell_end_of_trial(accepted_ms_ago))

    async def _tell_end_of_trial(self, accepted_ms_ago: int | None) -> None:
        with suppress(*LEDGER_AWAY):
            if await aside(partial(self._heal, accepted_ms_ago)):
                self.is_trial = False
                self._lanes.end_trial()

    def _heal(self, accepted_ms_ago: int | None) -> bool:
        with self._database.begin() as connection:
            return self.relay.circuit.healthy(connection, accepted_ms_ago)

    def suspects(self, delivery: WaitingDelivery, envelope: Envelope, failure: Failure) -> bool:
        """Keeps a refusal back that may be about us, and looks who else can tell."""
        if not self.findings.keeps_back(delivery, envelope, failure):
            return False
        if not self.findings.look_further():
            self.hand_back()
        return True

    def failed(self, delivery: WaitingDelivery, failure: Failure) -> None:
        """Notes what a refusal, or a silence, means for this delivery alone."""
        self.findings.failed(delivery, failure)

    def cannot_be_used(self, failure: Failure) -> None:
        """Nothing can be sent there now, and no delivery is to blame."""
        self.findings.failure = failure
        self.hand_back()

    def cannot_connect(self, failure: Failure, since: float) -> None:
        """Without any session the server is unreachable; beside others it has just enough of them."""
        if not self._lanes.keep_those_connected() and not self.relay.sessions.idle:
            self.cannot_be_used(failure)

    def lose(self) -> None:
        """The batch is somebody else's now."""
        log.warning("lost the lease; what is left is not ours any more", batch=self.lease.batch_id)
        self.feed.drop()
        self.hand_back()

    # For how long, and how many lanes

    async def _watch(self) -> None:
        looked = renewed = time.monotonic()
        while True:
            await asyncio.sleep(WAIT_WORTH_A_SESSION)
            now = time.monotonic()
            with supervision.attempt("watching over a batch", *LEDGER_AWAY):
                if now >= self._until:
                    self.hand_back()
                if now - renewed >= batches.LEASE_MS / 3000:
                    renewed = now
                    await self._renew()
                self._open_more(now)
                self._growth.look(now)
                self._lanes.free_what_is_behind(now)
                if self._leave_behind_what_only_waits():
                    return
                if now - looked >= MAILINGS_LOOKED_AT_EVERY:
                    looked = now
                    await self._look_at_mailings()

    def _go_on(self) -> None:
        """With what was fetched."""
        if not self.feed.is_closed:
            self._lanes.open_wanted()

    @property
    def _goes_well(self) -> bool:
        """Whether nothing stands against more of the same."""
        alone = self.is_trial or self.lease.is_tried_alone
        return not (alone or self.is_stuck or self.recorder.has_failures or self.feed.has_lost)

    def _open_more(self, now: float) -> None:
        """Twice as many while nobody is answered, unless they would wait for the rate as well."""
        is_waiting = now - self.answered_at >= WAIT_WORTH_A_SESSION
        if is_waiting and not self.feed.is_closed and not self.relay.rate.is_awaited:
            self._lanes.open_as_many_again()

    # What waits for a silent server

    def _leave_behind_what_only_waits(self) -> bool:
        """Whether the job has nothing more to do here: all that is left waits for a server."""
        if self._growth.task is not None or self._cut_off is not None or self.recorder.is_behind:
            return False
        if self.feed.has_more() and self._lanes.room > 0:
            return False
        if not self._lanes.only_wait():
            return False
        if self._lanes.running:
            self.left_behind, self.parked = self._lanes.leave()
            self._note_leftovers()
        return True

    def _note_leftovers(self) -> None:
        if self.feed.has_more():
            self.is_crowded_out = True
            self.relay.sessions.stand_back()

    # What it asks and tells the ledger meanwhile

    async def _look_at_mailings(self) -> None:
        """A pause stops a mail at its mark; seeing it earlier saves the server the start of one."""
        try:
            stopped, look = await aside(partial(self._find_stopped, self.feed.mailing_ids))
        except LEDGER_AWAY:
            return
        look()
        for mailing_id in stopped:
            self.feed.leave_out(mailing_id)

    def _find_stopped(self, mailing_ids: Set[int]) -> tuple[list[int], Callable[[], None]]:
        with self._database.read() as connection:
            return mailings.not_active(connection, mailing_ids), self.relay.rate.look_later(connection)

    async def _renew(self) -> None:
        try:
            is_held = await aside(partial(self._write_renewal, self.is_trial))
        except LEDGER_AWAY:
            return
        if not is_held:
            self.lose()

    def _write_renewal(self, is_trial: bool) -> bool:
        with self._database.begin() as connection:
            if is_trial:
                self.relay.circuit.keep_trying(connection)
            return batches.renew(connection, self.lease)
