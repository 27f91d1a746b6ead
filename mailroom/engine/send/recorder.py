"""Group commit: the last outcomes and the next marks of all sessions in one transaction.

Where a statement takes no time, everything that sessions ask for in two turns of the event loop is written
in the one that follows. Where it is a round trip, one group is under way at a time; the next one gathers
meanwhile, and for a moment more while sessions are at their dots that are usually answered in it. So an
outcome and the mark after it share a commit, those of several sessions too.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial

import structlog

from mailroom.database.connection.raw import RawConnection
from mailroom.database.engine import Database
from mailroom.engine.feedback.rules import DEFAULT_RULES, FeedbackRules
from mailroom.engine.send.group import Asked, GroupWriter, WriteGroup, Written
from mailroom.engine.send.outage import LEDGER_RETRY
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries.marks import HandOver, Sent
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.supervision import cause

log = structlog.get_logger()


MOST_TURNS = 5
"""Turns of the event loop in which a group for PostgreSQL gathers."""

WAITS_FOR_OTHERS = 0.75
"""So much of a round trip it waits for those whom the group before it marked: who is answered a moment later
would wait for all of the next one, and in two halves sessions do half as much.
"""

WAITS_AT_MOST = 0.01
"""Seconds for which an outcome waits so."""

RISES_BY = 1.25
"""What is usual falls at once, and rises slowly: one that waited for a connection or a lock is no measure."""


class Recorder:
    """Writes for one lease. Belongs to one event loop; closed by `drained`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        database: Database,
        direct: RawConnection,
        lease: Lease,
        rules: FeedbackRules = DEFAULT_RULES,
    ) -> None:
        self._direct = direct
        self._writer = GroupWriter(database, direct, lease, rules)
        self._loop = loop
        self.marked_at: dict[int, float] = {}
        """When each delivery's mark was known to be set (monotonic), until it is `answered`."""
        self.refused: dict[int, str] = {}
        """Why a delivery's mark was refused."""
        self._next = WriteGroup()
        self._gathered = 0  # of it, when that was last looked at
        self._turns = 0  # in which it gathered
        self._is_due = False
        self._is_under_way = False
        self._began = 0.0  # to gather, and then to be written (monotonic)
        self._usual = 0.0  # seconds of a round trip
        self._at_dot: dict[int, int] = {}  # each delivery's session
        self._takes: dict[int, float] = {}  # each session, from the last mark to its answer: seconds
        self._last_marked: list[int] = []  # by the last group; who is silent for longer holds up nobody
        self._waits: asyncio.TimerHandle | None = None  # for those at their dots
        self.is_away = False  # the ledger, as far as we know
        self._drained: asyncio.Future[None] | None = None

    @property
    def has_failures(self) -> bool:
        """Whether something of the batch failed for good."""
        return self._writer.has_failures

    def mark(self, session_id: int, delivery_id: int, dated_at: int | None = None) -> asyncio.Future[bool]:
        """Resolves, once committed, to whether this delivery may be sent; `refused` tells why not.

        `dated_at`: the Date that it bears, kept for a resend (milliseconds).
        """
        answer: asyncio.Future[bool] = self._loop.create_future()
        self._next.asked.append(Asked(HandOver(delivery_id, session_id, dated_at), answer))
        self._soon()
        return answer

    def answered(self, delivery_id: int) -> float | None:
        """Notes that its server has answered, or never will. When its mark was known to be set, if it was."""
        marked_at = self.marked_at.pop(delivery_id, None)
        if marked_at is not None:
            self._takes[self._at_dot.pop(delivery_id)] = time.monotonic() - marked_at
        return marked_at

    def sent(self, delivery_id: int, code: int, reply: str) -> None:
        """Kept and tried again while the database is away."""
        self._next.sent.append(Sent(delivery_id, code, reply))
        self._soon()

    def trouble(self, outcome: Outcome) -> None:
        """Kept and tried again while the database is away."""
        self._next.troubles.append(outcome)
        self._soon()

    async def drained(self) -> None:
        """Returns when every outcome is on disk."""
        if not self._has_drained:
            self._drained = self._loop.create_future()
            await self._drained

    @property
    def is_behind(self) -> bool:
        """Whether sessions may wait for the ledger, and not for their server."""
        return self.is_away or self._is_under_way or self._next.size > 0

    @property
    def _has_drained(self) -> bool:
        return not (self._is_under_way or self._next.has_outcomes)

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._gather()
        elif self._waits is not None and not self._awaits(self._began + self._patience):
            self._waits.cancel()
            self._waits, self._turns = None, 0
            self._loop.call_soon(self._later)

    def _gather(self) -> None:
        self._began = time.monotonic()
        self._loop.call_soon(self._later)

    def _later(self) -> None:
        # What arrives in this turn joins: a third less commits than without it. Where a commit is a round
        # trip, a turn that brings something is followed by another: a turn costs far less. Not for ever:
        # mails that all fail before they are sent bring something in every turn.
        more, self._gathered = self._next.size > self._gathered, self._next.size
        self._turns += 1
        goes_on = more and self._direct.is_remote and self._turns < MOST_TURNS
        if goes_on:
            self._loop.call_soon(self._later)
        elif self._awaits(until := self._began + self._patience):
            self._waits = self._loop.call_later(until - time.monotonic(), self._write)
        else:
            self._loop.call_soon(self._write)

    def _awaits(self, until: float) -> bool:
        """Whether somebody is at a dot that is answered by then, going by the last one."""
        return time.monotonic() < until and any(
            self.marked_at[id] + self._takes.get(self._at_dot[id], 0.0) < until
            for id in self._last_marked
            if id in self.marked_at
        )

    @property
    def _patience(self) -> float:
        return min(WAITS_AT_MOST, WAITS_FOR_OTHERS * self._usual)

    def _write(self) -> None:
        group, self._next, self._gathered, self._turns = self._next, WriteGroup(), 0, 0
        group.asked = [one for one in group.asked if not one.answer.done()]
        self._is_under_way, self._waits, self._began = True, None, time.monotonic()
        if self._writer.may_ask(group):
            self._writer.ask(self._loop, group, partial(self._heard, group))
        else:
            self._direct.do(lambda: self._write_in_its_thread(group))

    def _heard(self, left: WriteGroup, written: Written, error: Exception | None) -> None:
        if error is None and not left.size:
            self._go_on(left, written)
        else:
            self._direct.do(lambda: self._write_in_its_thread(left, written, error))

    def _write_in_its_thread(
        self, group: WriteGroup, written: Written | None = None, after: Exception | None = None
    ) -> None:
        written = self._writer.write(group, written, after)
        if self._direct.is_remote:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._go_on, group, written)
        else:
            self._go_on(group, written)

    def _go_on(self, left: WriteGroup, written: Written) -> None:
        self._is_under_way = False
        if self._direct.is_remote:
            took = time.monotonic() - self._began
            self._usual = min(took, self._usual * RISES_BY) if self._usual else took
        if left.size:
            self._next = left.put_before(self._next)
        if written.away is not None and not self.is_away:
            log.warning("the ledger is away; outcomes are kept", reason=cause(written.away))
        self.is_away = written.away is not None
        if left.size:
            self._loop.call_later(LEDGER_RETRY, self._write)
        elif self._next.size:
            self._gather()
        else:
            self._is_due = False
        self._answer(written)
        if self._drained is not None and not self._drained.done() and self._has_drained:
            self._drained.set_result(None)

    def _answer(self, written: Written) -> None:
        now = time.monotonic()
        self._last_marked = [mark.delivery_id for mark, _ in written.marked]
        for mark, answer in written.marked:
            self.marked_at[mark.delivery_id] = now
            self._at_dot[mark.delivery_id] = mark.session_id
            if not answer.done():
                answer.set_result(True)
        for (mark, answer), why in written.refused:
            self.refused[mark.delivery_id] = why
            if not answer.done():
                answer.set_result(False)
        for (_, answer), error in written.failed:
            if not answer.done():
                answer.set_exception(error)
