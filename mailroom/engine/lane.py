"""One SMTP session's share of a batch: what it is given, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import structlog

from mailroom.content.message import MergeError
from mailroom.delivery import backoff
from mailroom.delivery.envelope import Envelope, Outcome
from mailroom.delivery.failure import Failure, Withdrawn
from mailroom.delivery.reply import Reply
from mailroom.engine.sessions import Kept
from mailroom.ledger import batches, marks
from mailroom.ledger.batches import Waiting
from mailroom.ledger.states import State

if TYPE_CHECKING:
    from mailroom.engine.dispatch import Dispatch

log = structlog.get_logger()

REOPENED_AT_MOST = 2
"""How often a delivery is tried again at once after a session that died before its dot."""

DEAD_AT_MOST = 20
"""The same, where the session had sent others before: it was just over, as kept ones may be."""


class Lane:
    """Takes deliveries from a dispatch and gives them to a session. The session's Source."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._kept: Kept | None = None
        self._in_hand: dict[int, Waiting] = {}
        self._has_turn = False

    @property
    def is_connected(self) -> bool:
        return self._kept is not None

    def abort(self) -> None:
        if self._kept is not None:
            self._kept.session.abort()

    async def run(self) -> None:
        """Returns when there is nothing more to send, or nowhere to send it."""
        try:
            await self._run()
        finally:
            if self._has_turn:
                self._dispatch.turns.put_back()

    async def _run(self) -> None:
        dispatch = self._dispatch
        while dispatch.todo and not dispatch.is_ending:
            if dispatch.is_out_of_breath:
                await dispatch.breathe()
                continue
            try:
                self._kept = await dispatch.sessions.take(dispatch.server)
            except Failure as failure:
                dispatch.cannot_connect(failure)
                return
            try:
                if await self._may_go(self._kept):
                    await self._kept.session.run(self)
            finally:
                await dispatch.sessions.put_back(self._kept)
                self._kept = None

    def next_envelope(self) -> Envelope | None:
        if self._in_hand and not self._dispatch.may_look_ahead():
            return None
        while self._may_begin() and (delivery := self._dispatch.next_delivery()) is not None:
            try:
                envelope = self._dispatch.render(delivery)
            except MergeError as error:
                self._record(delivery.id, State.FAILED, None, str(error), "data", None)
                continue
            self._in_hand[delivery.id] = delivery
            self._has_turn = False
            return envelope
        return None

    async def _may_go(self, kept: Kept) -> bool:
        """Waits for a turn with the session at hand: to open one then would take part of the turn."""
        if self._dispatch.turns.is_limited and not self._has_turn:
            self._has_turn = await self._dispatch.wait_for_turn()
            return self._has_turn and not kept.session.closed
        return True

    def _may_begin(self) -> bool:
        """Whether the throttle lets another mail go at this moment."""
        if not self._dispatch.turns.is_limited:
            return True
        self._has_turn = self._has_turn or self._dispatch.turns.take_now()
        return self._has_turn

    def mark(self, envelope: Envelope) -> Awaitable[bool]:
        assert self._kept is not None
        return self._dispatch.recorder.mark(self._kept.id, envelope.id)

    def outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        dispatch = self._dispatch
        delivery = self._in_hand.pop(envelope.id)
        marked_at = dispatch.recorder.marked_at.pop(envelope.id, None)
        now = dispatch.answered_at = time.monotonic()
        if isinstance(outcome, Reply):
            dispatch.recorder.sent(envelope.id, *outcome)
            dispatch.heard()
            dispatch.turns.answered(now)
            if marked_at is not None:
                dispatch.sessions.answered(dispatch.server, now - marked_at)
        elif isinstance(outcome, Withdrawn):
            self._withdrawn(delivery, dispatch.recorder.refused.pop(delivery.id))
        elif outcome.scope == "server":
            dispatch.todo.appendleft(delivery)
            dispatch.cannot_be_used(outcome)
        elif outcome.scope == "session" and marked_at is None and self._may_try_again(delivery, outcome):
            dispatch.todo.appendleft(delivery)
        else:
            if outcome.scope == "delivery" and outcome.reply is not None:
                dispatch.heard()
            dispatch.turns.refused(outcome.reply)
            self._failed(delivery, outcome)

    def _may_try_again(self, delivery: Waiting, failure: Failure) -> bool:
        """At once, unless the server named a time."""
        if failure.reply is not None and failure.reply.retry_after is not None:
            return False
        self._dispatch.tries[delivery.id] += 1
        has_worked = self._kept is not None and self._kept.session.sent > 0
        most = DEAD_AT_MOST if has_worked else REOPENED_AT_MOST
        return self._dispatch.tries[delivery.id] <= most

    def _withdrawn(self, delivery: Waiting, why: str) -> None:
        """The mark was refused: what is not recorded here goes back when the batch is closed."""
        if why == "lost":
            self._dispatch.lose()
        elif why == State.SUPPRESSED:
            words = "the address is on the suppression list"
            self._record(delivery.id, State.SUPPRESSED, None, words, "data", None, is_attempt=False)
        elif why != "taken":
            self._dispatch.leave_out(delivery.mailing_id)

    def _failed(self, delivery: Waiting, failure: Failure) -> None:
        code = failure.reply.code if failure.reply else None
        words = failure.reply.text if failure.reply else failure.message
        if failure.kind == "permanent":
            self._record(delivery.id, State.FAILED, code, words, failure.stage, None)
        elif failure.kind == "unknown":
            due = batches.LEASE_MS  # if its mailing's policy wants it sent again at all
            self._record(delivery.id, State.UNKNOWN, code, words, failure.stage, due)
        else:
            due = self._backoff_ms(delivery, failure.reply)
            self._record(delivery.id, State.DEFERRED, code, words, failure.stage, due)

    def _backoff_ms(self, delivery: Waiting, reply: Reply | None) -> int:
        """At the mailing's end at the latest: there the sweeper lets it expire."""
        wait = round(backoff.delay(delivery.attempts + 1, self._dispatch.waits, reply) * 1000)
        left = self._dispatch.messages[delivery.mailing_id].expires_at_ms - round(time.time() * 1000)
        return max(0, min(wait, left))

    def _record(
        self,
        delivery_id: int,
        state: State,
        code: int | None,
        words: str,
        stage: str,
        due_in_ms: int | None,
        *,
        is_attempt: bool = True,
    ) -> None:
        name = self._dispatch.server.name
        outcome = marks.Outcome(delivery_id, state, code, words, name, stage, due_in_ms, is_attempt)
        self._dispatch.recorder.trouble(outcome)
