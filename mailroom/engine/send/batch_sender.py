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
from mailroom.engine.send.lane import Lane
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

MAILS_WORTH_A_SESSION = 10
"""So many mails are worth a session, however fast the server: sessions that are served
within two turns of the event loop share a commit, and that is a fifth of a mail's cost."""

MAILINGS_LOOKED_AT_EVERY = 1.0
"""Seconds between two looks whether a mailing was paused, and whether the rate has changed."""

PARKED_AFTER = 1.0
"""Seconds without a word from the server after which nothing else waits for a session."""

PARKED_AFTER_AT_MOST = 3.0
"""The same for a server that is known to take its time: half as long again as it takes for a mail."""

STOP_GRACE = 7.0
"""Seconds that mails in flight may still take once the worker was told to stop."""


Lanes = dict["asyncio.Task[None]", Lane]


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
        self.left_behind: Lanes = {}
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
        self._at_most = min(relay.sessions.at_most, lease.max_sessions or relay.sessions.at_most)
        self._most = 1 if is_trial else self._at_most
        self._lanes: Lanes = {}
        self._in_hand = True  # as the ledger has it: what nobody noted may be
        self._noting = asyncio.Lock()
        self._growth = Growth(database, lease, feed, lambda: self._goes_well and may_grow(), self._go_on)
        self._trial_s_end: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Returns when all is sent, handed back or left behind, and every outcome is on disk."""
        if self.lease.is_tried_alone or self.relay.rate.is_slow:
            await self._note_in_hand(False)
        self._open_lanes(self._wanted())
        watch = asyncio.create_task(self._watch())
        failed: BaseException | None = None
        try:
            while self._lanes or self._growth.task is not None:
                fetching = {self._growth.task} if self._growth.task is not None else set()
                under_way = {*self._lanes, *fetching, watch}
                done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._lanes.pop(task, None)
                    if not task.cancelled() and (error := task.exception()) is not None:
                        failed = failed or error
                        self.hand_back()  # the others end as they end
                self._leave_behind_what_only_waits()
        finally:
            watch.cancel()
            self._abort_lanes()
            await asyncio.gather(*self._lanes, return_exceptions=True)
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
            self._cut_off = asyncio.get_running_loop().call_later(STOP_GRACE, self._abort_lanes)
        self.hand_back()
        for task, lane in self._lanes.items():
            if not lane.is_connected:
                task.cancel()

    def _abort_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.abort()

    # What its lanes report

    async def wait_for_turn(self) -> bool:
        """Until the rate lets a mail go. False: not within this job's time, so it is over."""
        if self.relay.rate.is_slow:
            await self._note_in_hand(False)
        if await self.relay.rate.wait(self._until, self._ending):
            return True
        self.is_throttled = self.is_throttled or not self.feed.is_closed
        self.hand_back()
        return False

    async def begins(self) -> bool:
        """Notes that something is in hand, where it was noted that nothing is. False: the ledger is away."""
        if await self._note_in_hand(True):
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
                self.is_trial, self._most = False, self._at_most

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
        connected = sum(lane.is_connected for lane in self._lanes.values())
        self._most = max(1, connected)
        if not connected and not self.relay.sessions.idle:
            self.cannot_be_used(failure)

    def lose(self) -> None:
        """The batch is somebody else's now."""
        log.warning("lost the lease; what is left is not ours any more", batch=self.lease.batch_id)
        self.feed.drop()
        self.hand_back()

    async def _note_in_hand(self, in_hand: bool) -> bool:
        """One note after the other: a lane that begins a mail waits for what another one notes."""
        async with self._noting:
            if self._in_hand is in_hand or (not in_hand and self._has_in_hand):
                return True
            try:
                await aside(partial(self._write_in_hand, in_hand))
            except LEDGER_AWAY:
                return False
            self._in_hand = in_hand
            return True

    def _write_in_hand(self, in_hand: bool) -> None:
        with self._database.begin() as connection:
            batches.note_in_hand(connection, self.lease, in_hand)

    @property
    def _has_in_hand(self) -> bool:
        return any(lane.has_in_hand for lane in self._lanes.values())

    # How many lanes, and for how long

    def _wanted(self) -> int:
        """How many more: a few for a server that answers at once, all for one that takes its time."""
        waits = round((self.relay.sessions.reply_time or 0.0) / WAIT_WORTH_A_SESSION)
        called_for = max(waits, len(self.feed) // MAILS_WORTH_A_SESSION)
        wanted = max(1, min(self._most, len(self.feed), called_for))
        return min(self.relay.sessions.room, wanted - len(self._lanes))

    def _open_lanes(self, number: int) -> None:
        for _ in range(number):
            lane = Lane(self, self.feed, self.relay, self.recorder)
            self._lanes[asyncio.create_task(lane.run())] = lane

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
                self._free_what_is_behind(now)
                if self._leave_behind_what_only_waits():
                    return
                if now - looked >= MAILINGS_LOOKED_AT_EVERY:
                    looked = now
                    await self._look_at_mailings()

    def _go_on(self) -> None:
        """With what was fetched."""
        if not self.feed.is_closed:
            self._open_lanes(self._wanted())

    @property
    def _goes_well(self) -> bool:
        """Whether nothing stands against more of the same."""
        alone = self.is_trial or self.lease.is_tried_alone
        return not (alone or self.is_stuck or self.recorder.has_failures)

    def _open_more(self, now: float) -> None:
        """Twice as many while nobody is answered, unless they would wait for the rate as well."""
        is_waiting = now - self.answered_at >= WAIT_WORTH_A_SESSION
        if is_waiting and not self.feed.is_closed and not self.relay.rate.is_awaited:
            self._open_lanes(min(self._room(), len(self.feed), max(1, len(self._lanes))))

    def _room(self) -> int:
        """How many lanes may be opened."""
        return min(self._most - len(self._lanes), self.relay.sessions.room)

    # What waits for a silent server

    def _silent_since(self, now: float) -> float:
        """Who heard nothing since then (monotonic) waits for a silent server."""
        usual = 1.5 * (self.relay.sessions.reply_time or 0.0)
        return now - min(PARKED_AFTER_AT_MOST, max(PARKED_AFTER, usual))

    def _free_what_is_behind(self, now: float) -> None:
        silent_since = self._silent_since(now)
        for lane in self._lanes.values():
            if lane.since <= silent_since:
                lane.free_what_is_behind()

    def _leave_behind_what_only_waits(self) -> bool:
        """Whether the job has nothing more to do here: all that is left waits for a server."""
        if self._growth.task is not None or self._cut_off is not None or self.recorder.is_behind:
            return False
        if self.feed.has_more() and self._room() > 0:
            return False
        silent_since = self._silent_since(time.monotonic())
        if not all(lane.only_waits(silent_since) for lane in self._lanes.values()):
            return False
        if self._lanes:
            self._leave_behind()
        return True

    def _leave_behind(self) -> None:
        self.left_behind, self._lanes = self._lanes, {}
        lanes = self.left_behind.values()
        self.parked = [delivery_id for lane in lanes for delivery_id in lane.park()]
        self._note_leftovers()

    def _note_leftovers(self) -> None:
        if self.feed.has_more():
            self.is_crowded_out = True
            self.relay.sessions.stand_back()

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
