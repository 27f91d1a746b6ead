"""Lane: one SMTP session's share of a batch. What it is given, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Protocol

from mailroom.content.merge.plain import MergeError
from mailroom.engine.send import verdict
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.recorder import Recorder
from mailroom.engine.send.relay import Relay
from mailroom.engine.send.session_pool import PooledSession
from mailroom.ledger import states
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.smtp.envelope import Envelope, Outcome
from mailroom.smtp.failure import Failure, Stage, Withdrawn
from mailroom.smtp.reply import Reply


class LaneOwner(Protocol):
    """Whoever runs the lanes of a batch, as each of them sees it."""

    answered_at: float
    """When the server last answered any of them (monotonic); every lane notes it."""

    async def wait_for_turn(self) -> bool:
        """Until the rate lets a mail go. False: not within this job's time."""

    def accepted(self, envelope: Envelope, marked_at: float) -> None:
        """The server has taken a mail, which was marked at that moment (monotonic)."""

    def suspects(self, delivery: WaitingDelivery, envelope: Envelope, failure: Failure) -> bool:
        """Whether a refusal is kept back, for it may be about us."""

    def failed(self, delivery: WaitingDelivery, failure: Failure) -> None:
        """Notes what a refusal, or a silence, means for this delivery alone."""

    async def begins(self) -> bool:
        """A lane is about to take a mail in hand. False: not now."""

    def heard(self) -> None:
        """The server refuses mails one by one: it works."""

    def cannot_be_used(self, failure: Failure) -> None:
        """Nothing can be sent there now, and no delivery is to blame."""

    def cannot_connect(self, failure: Failure, since: float) -> None:
        """There is no session for this lane, which wanted one `since` then (monotonic)."""

    def lose(self) -> None:
        """The batch is somebody else's now."""


class Lane:
    """Takes deliveries from a feed and gives them to a session. The session's Source."""

    def __init__(self, owner: LaneOwner, feed: Feed, relay: Relay, recorder: Recorder) -> None:
        self.owner = owner
        self._since = time.monotonic()
        self.is_over = False
        self._feed = feed
        self._relay = relay
        self._sessions = relay.sessions
        self._rate = relay.rate
        self._recorder = recorder
        self._taken: PooledSession | None = None
        self._in_hand: dict[int, WaitingDelivery] = {}
        self._taken_back: set[int] = set()  # announced to the server, and in other hands since
        self._has_turn = False
        self._awaits_turn = False
        self._is_parked = False
        self._is_cut_off = False

    @property
    def since(self) -> float:
        """When it last heard of its server, or began to wait for it (monotonic): with a mark, which may have
        been long in coming, at its dot.
        """
        marked_at = self._recorder.marked_at
        return max([self._since, *(marked_at.get(id, 0.0) for id in self._in_hand)])

    @property
    def is_connected(self) -> bool:
        return self._taken is not None

    @property
    def has_in_hand(self) -> bool:
        """Whether it builds or sends a mail."""
        return len(self._in_hand) > 0

    @property
    def stage(self) -> Stage:
        """Where the dialogue with its server stands."""
        return "connect" if self._taken is None else self._taken.session.stage

    def only_waits(self, silent_since: float) -> bool:
        """Whether its job need not stay: its server said nothing since then, or it connects for nothing."""
        if self._awaits_turn:
            return False
        return self.since <= silent_since or not (self.is_connected or self._feed.has_more())

    def free_what_is_behind(self) -> None:
        """Gives back what was announced ahead: it need not wait for the reply to another one."""
        for delivery_id in list(self._in_hand)[1:]:
            self._taken_back.add(delivery_id)
            self._feed.put_back(self._in_hand.pop(delivery_id))

    def park(self) -> list[int]:
        """Its job goes on without it: ends when its server has answered. What it has in hand till then."""
        self.free_what_is_behind()
        self._is_parked = True
        return list(self._in_hand)

    def abort(self) -> None:
        self._is_cut_off = True
        if self._taken is not None:
            self._taken.session.abort()

    async def run(self) -> None:
        """Returns when there is nothing more to send, or nowhere to send it."""
        try:
            await self._run()
        finally:
            self.is_over = True
            if self._has_turn:
                self._rate.put_back()

    async def _run(self) -> None:
        while self._feed.has_more() and not self._is_parked:
            if self._feed.is_out_of_breath:
                await self._feed.breathe()
                continue
            self._since = time.monotonic()
            try:
                self._taken = await self._sessions.take()
            except Failure as failure:
                self.owner.cannot_connect(failure, self._since)
                return
            if self._taken is None:
                return
            try:
                if await self._may_go(self._taken):
                    await self._taken.session.run(self)
            finally:
                await self._sessions.put_back(self._taken)
                self._taken = None

    async def _may_go(self, taken: PooledSession) -> bool:
        """Waits for a turn with the session at hand: to open one then would take part of the turn."""
        if self._rate.is_limited and not self._has_turn:
            self._awaits_turn = True
            try:
                self._has_turn = await self.owner.wait_for_turn()
            finally:
                self._awaits_turn = False
            if not self._has_turn or taken.session.closed:
                return False
        self._since = time.monotonic()
        return await self.owner.begins()

    def next_envelope(self) -> Envelope | None:
        if self._is_parked or (self._in_hand and not self._may_look_ahead()):
            return None
        while self._may_begin() and (delivery := self._feed.next()) is not None:
            try:
                envelope = self._feed.render(delivery)
            except MergeError as error:
                self._recorder.trouble(verdict.of_merge_error(delivery, error, self._relay.server.name))
                continue
            self._in_hand[delivery.id] = delivery
            self._has_turn = False
            return envelope
        return None

    def _may_look_ahead(self) -> bool:
        """It saves a round trip with a server that answers at once, and with any other it would keep
        a mail from a session that is free.
        """
        return self._sessions.answers_at_once and self._feed.may_look_ahead()

    def _may_begin(self) -> bool:
        """Whether the rate lets another mail go at this moment."""
        if not self._rate.is_limited:
            return True
        self._has_turn = self._has_turn or self._rate.take_now()
        return self._has_turn

    def mark(self, envelope: Envelope) -> Awaitable[bool]:
        assert self._taken is not None
        if envelope.id in self._taken_back:
            return _no()
        return self._recorder.mark(self._taken.id, envelope.id, self._feed.dates.get(envelope.id))

    def outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        if envelope.id in self._taken_back:
            return self._taken_back.discard(envelope.id)
        recorder, owner = self._recorder, self.owner
        delivery = self._in_hand.pop(envelope.id)
        marked_at = recorder.answered(envelope.id)
        now = owner.answered_at = self._since = time.monotonic()
        if isinstance(outcome, Reply):
            recorder.sent(envelope.id, *outcome)
            owner.accepted(envelope, now if marked_at is None else marked_at)
            self._rate.answered(now)
            if marked_at is not None:
                self._sessions.answered(now - marked_at)
        elif isinstance(outcome, Withdrawn):
            self._withdrawn(delivery, recorder.refused.pop(delivery.id))
        elif outcome.scope == "server":
            self._feed.put_back(delivery)
            owner.cannot_be_used(outcome)
        elif owner.suspects(delivery, envelope, outcome):
            pass
        elif outcome.scope == "session" and marked_at is None and self._goes_again(delivery, outcome):
            self._feed.put_back(delivery)
        else:
            if outcome.scope == "delivery" and outcome.reply is not None:
                owner.heard()
            self._rate.refused(outcome.reply)
            owner.failed(delivery, outcome)

    def _goes_again(self, delivery: WaitingDelivery, failure: Failure) -> bool:
        if self._is_parked:
            return self._is_cut_off  # by us; else its server had its time, and said nothing
        had_worked = self._taken is not None and self._taken.session.sent > 0
        losses = self._feed.lost_a_session(delivery)
        return verdict.goes_again_at_once(failure, losses, had_worked=had_worked)

    def _withdrawn(self, delivery: WaitingDelivery, why: str) -> None:
        """The mark was refused: what is not recorded here goes back when the batch is closed."""
        if why == "lost":
            self.owner.lose()
        elif why == states.SUPPRESSED:
            self._recorder.trouble(verdict.of_suppression(delivery, self._relay.server.name))
        elif why != "taken":
            self._feed.leave_out(delivery.mailing_id)


async def _no() -> bool:
    return False
