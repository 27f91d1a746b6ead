"""Batch sender: one batch over as many SMTP sessions as it calls for."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailroom.database.engine import Database
from mailroom.engine.send import verdict
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.lane import Lane
from mailroom.engine.send.recorder import Recorder
from mailroom.engine.send.relay import Relay
from mailroom.engine.send.session_pool import WAIT_WORTH_A_SESSION
from mailroom.engine.send.suspects import Conclusion, Suspects
from mailroom.ledger.batches import batches
from mailroom.ledger.batches.batches import Lease, WaitingDelivery
from mailroom.ledger.deliveries import marks
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

SPARED_AT_MOST_MS = 600_000
"""Milliseconds until those who were refused because of us are due again, at most."""

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
    ) -> None:
        """`is_trial`: the server was in trouble, and this worker alone finds out whether it still is.
        `accepted_at`: when it was last known to work again, by the ledger's clock (milliseconds).
        """
        self.relay = relay
        self.feed = feed
        self.is_trial = is_trial
        self.was_heard = False
        self.accepted_at: float | None = None  # when the last mail that was taken was marked (monotonic)
        self.failure: Failure | None = None  # why nothing can be sent there
        self.is_throttled = False
        self.gave_way = False
        self.answered_at = time.monotonic()
        self._database = database
        self._lease = lease
        self._recorder = recorder
        self._suspects = Suspects(relay.streak, accepted_at)
        self._conclusion = Conclusion([], [], None, {})
        self._ending = asyncio.Event()
        self._until = time.monotonic() + JOB_WORKS_FOR
        self._at_most = min(relay.sessions.at_most, lease.max_sessions or relay.sessions.at_most)
        self._most = 1 if is_trial else self._at_most
        self._lanes: dict[asyncio.Task[None], Lane] = {}
        self._in_hand = not lease.is_of_suspect  # as the ledger has it: what nobody noted may be

    async def run(self) -> None:
        """Returns when all is sent or handed back, and every outcome is on disk."""
        self._open_lanes(self._wanted())
        watch = asyncio.create_task(self._watch())
        try:
            while self._lanes:
                done, _ = await asyncio.wait(self._lanes, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del self._lanes[task]
                    if not task.cancelled():
                        task.result()
        finally:
            watch.cancel()
            for lane in self._lanes.values():
                lane.abort()
            await asyncio.gather(*self._lanes, return_exceptions=True)
        self._conclude()
        await self._recorder.drained()

    # What its worker tells and asks

    @property
    def is_stuck(self) -> bool:
        """Whether nothing more can be sent there for now."""
        return self.failure is not None or self.is_throttled

    def tell_relay(self, connection: Connection) -> None:
        """Opens or closes its circuit, by what was found out."""
        ago = None if self.accepted_at is None else round((time.monotonic() - self.accepted_at) * 1000)
        self.relay.learn(
            connection,
            self._lease,
            self.failure,
            was_heard=self.was_heard,
            accepted_ms_ago=ago,
            is_trial=self.is_trial,
        )

    def spare(self, connection: Connection) -> None:
        """Gives back whom no blame belongs to, and pauses the mailings whose sender is refused."""
        server = self.relay.server.name
        for mailing_id, suspect in self._conclusion.held.items():
            mailings.hold(connection, mailing_id, verdict.held_for(suspect, server))
        # Later than the server is tried again: others who wait go first, and show whether it is about us.
        due_in_ms = min(2 * self.relay.circuit.wait_ms(connection), SPARED_AT_MOST_MS)
        spared = self._conclusion.spared
        marks.spare(
            connection, self._lease, [verdict.of_a_spared(suspect, server, due_in_ms) for suspect in spared]
        )

    def hand_back(self) -> None:
        """Begins no further mail; those in flight end as they end."""
        self.feed.close()
        self._ending.set()

    def give_way(self) -> None:
        """Hands back because urgent mail waits."""
        self.gave_way = self.gave_way or len(self.feed) > 0
        self.hand_back()

    async def stop(self) -> None:
        """Hands back, and cuts off what is still in flight after the grace; who connects just stops."""
        self.hand_back()
        for task, lane in self._lanes.items():
            if not lane.is_connected:
                task.cancel()
        await asyncio.sleep(STOP_GRACE)
        for lane in self._lanes.values():
            lane.abort()

    # What its lanes report

    async def wait_for_turn(self) -> bool:
        """Until the rate lets a mail go. False: not within this job's time, so it is over."""
        if self.relay.rate.is_slow and not any(lane.has_in_hand for lane in self._lanes.values()):
            self._note_in_hand(False)
        if await self.relay.rate.wait(self._until, self._ending):
            return True
        self.is_throttled = not self.feed.is_closed
        self.hand_back()
        return False

    def begins(self) -> bool:
        """Notes that something is in hand, where it was noted that nothing is. False: the ledger is away."""
        return self._in_hand or self._note_in_hand(True)

    def heard(self) -> None:
        """The server refuses mails one by one: it works."""
        self.was_heard = True
        self._end_trial(None)

    def accepted(self, envelope: Envelope, marked_at: float) -> None:
        """The server takes mails, so those that it refused before were refused for themselves."""
        self.was_heard, self.accepted_at = True, marked_at
        for suspect in self._suspects.cleared(envelope.sender, marked_at):
            self.failed(suspect.delivery, suspect.failure)
        self._end_trial(round((time.monotonic() - marked_at) * 1000))

    def _end_trial(self, accepted_ms_ago: int | None) -> None:
        if not self.is_trial:
            return
        with suppress(DBAPIError), self._database.begin() as connection:
            if self.relay.circuit.healthy(connection, accepted_ms_ago):
                self.is_trial, self._most = False, self._at_most

    def suspects(self, delivery: WaitingDelivery, envelope: Envelope, failure: Failure) -> bool:
        """Keeps a refusal back that may be about us, and looks who else can tell."""
        if not self._suspects.take(delivery, failure, envelope.sender):
            return False
        if not self._suspects.look_further(self.feed):
            self.hand_back()
        return True

    def failed(self, delivery: WaitingDelivery, failure: Failure) -> None:
        """Notes what a refusal, or a silence, means for this delivery alone."""
        relay, message = self.relay, self.feed.messages[delivery.mailing_id]
        now_ms = round(time.time() * 1000)
        self._recorder.trouble(
            verdict.of_failure(delivery, failure, message, relay.backoff, relay.server.name, now_ms)
        )

    def _conclude(self) -> None:
        self._conclusion = conclusion = self._suspects.conclude(self.feed)
        for suspect in conclusion.failed:
            self.was_heard = True
            self.failed(suspect.delivery, suspect.failure)
        self.failure = self.failure or conclusion.trouble

    def cannot_be_used(self, failure: Failure) -> None:
        """Nothing can be sent there now, and no delivery is to blame."""
        self.failure = failure
        self.hand_back()

    def cannot_connect(self, failure: Failure) -> None:
        """Without any session the server is unreachable; beside others it has just enough of them."""
        connected = sum(lane.is_connected for lane in self._lanes.values())
        self._most = max(1, connected)
        if not connected and not self.relay.sessions.idle:
            self.cannot_be_used(failure)

    def lose(self) -> None:
        """The batch is somebody else's now."""
        log.warning("lost the lease; what is left is not ours any more", batch=self._lease.batch_id)
        self.feed.drop()
        self.hand_back()

    def _note_in_hand(self, in_hand: bool) -> bool:
        if self._in_hand is not in_hand:
            try:
                with self._database.begin() as connection:
                    batches.note_in_hand(connection, self._lease, in_hand)
            except DBAPIError:
                return False
            self._in_hand = in_hand
        return True

    # How many lanes, and for how long

    def _wanted(self) -> int:
        """A few sessions for a server that answers at once, all for one that takes its time."""
        waits = round((self.relay.sessions.reply_time or 0.0) / WAIT_WORTH_A_SESSION)
        called_for = max(waits, len(self.feed) // MAILS_WORTH_A_SESSION)
        return max(1, min(self._most, len(self.feed), called_for))

    def _open_lanes(self, number: int) -> None:
        for _ in range(number):
            lane = Lane(self, self.feed, self.relay, self._recorder)
            self._lanes[asyncio.create_task(lane.run())] = lane

    async def _watch(self) -> None:
        looked = renewed = time.monotonic()
        while True:
            await asyncio.sleep(WAIT_WORTH_A_SESSION)
            now = time.monotonic()
            self._open_more(now)
            if now >= self._until:
                self.hand_back()
            if now - looked >= MAILINGS_LOOKED_AT_EVERY:
                looked = now
                self._look_at_mailings()
            if now - renewed >= batches.LEASE_MS / 3000:
                renewed = now
                self._renew()

    def _open_more(self, now: float) -> None:
        """Twice as many while nobody is answered, unless they would wait for the rate as well."""
        is_waiting = now - self.answered_at >= WAIT_WORTH_A_SESSION
        if is_waiting and not self.feed.is_closed and not self.relay.rate.is_awaited:
            room = min(self._most - len(self._lanes), len(self.feed))
            self._open_lanes(min(room, max(1, len(self._lanes))))

    def _look_at_mailings(self) -> None:
        """A pause stops a mail at its mark; seeing it earlier saves the server the start of one."""
        try:
            with self._database.read() as connection:
                stopped = mailings.not_active(connection, self.feed.mailing_ids)
                self.relay.rate.look(connection)
        except DBAPIError:
            return
        for mailing_id in stopped:
            self.feed.leave_out(mailing_id)

    def _renew(self) -> None:
        try:
            with self._database.begin() as connection:
                is_held = batches.renew(connection, self._lease)
                if self.is_trial:
                    self.relay.circuit.keep_trying(connection)
        except DBAPIError:
            return
        if not is_held:
            self.lose()
