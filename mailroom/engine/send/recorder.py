"""Group commit: the last outcomes and the next marks of all sessions in one transaction.

Everything that sessions ask for in two turns of the event loop is written in the one that
follows. So an outcome and the mark after it share a commit, those of several sessions too,
and none of them waits for a clock.
"""

from __future__ import annotations

import asyncio
import time

import structlog
from sqlalchemy.exc import DBAPIError

from mailroom.database.engine import Database
from mailroom.database.raw import RawConnection
from mailroom.database.telling import cause
from mailroom.engine.send.outage import LEDGER_RETRY
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries import marks

log = structlog.get_logger()

Asked = tuple[int, int, "asyncio.Future[bool]", int | None]
"""session id, delivery id, the answer (whether it is marked), and the Date that it bears (milliseconds)."""

Sent = tuple[int, int, str]
"""delivery id, and the code and the words of the server's reply."""


class Recorder:
    """Writes for one lease. Belongs to one event loop; closed by `drained`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, database: Database, direct: RawConnection, lease: Lease
    ) -> None:
        self._database = database
        self._direct = direct
        self._lease = lease
        self._bound = marks.LeaseStatements(database.engine, lease)
        self._loop = loop
        self.marked_at: dict[int, float] = {}
        """When each delivery's mark was committed (monotonic); whoever learns its outcome takes it."""
        self.refused: dict[int, str] = {}
        """Why a delivery's mark was refused."""
        self._asked: list[Asked] = []
        self._sent: list[Sent] = []
        self._troubles: list[marks.Outcome] = []
        self._late: list[Sent] = []
        self._unanswered: list[Asked] = []
        self._is_due = False
        self.is_away = False  # the ledger, as far as we know
        self._drained: asyncio.Future[None] | None = None

    def mark(self, session_id: int, delivery_id: int, dated_at: int | None = None) -> asyncio.Future[bool]:
        """Resolves, once committed, to whether this delivery may be sent; `refused` tells why not.

        `dated_at`: the Date that it bears, kept for a resend (milliseconds).
        """
        answer: asyncio.Future[bool] = self._loop.create_future()
        self._asked.append((session_id, delivery_id, answer, dated_at))
        self._soon()
        return answer

    def sent(self, delivery_id: int, code: int, reply: str) -> None:
        """Kept and tried again while the database is away."""
        self._sent.append((delivery_id, code, reply))
        self._soon()

    def trouble(self, outcome: marks.Outcome) -> None:
        """Kept and tried again while the database is away."""
        self._troubles.append(outcome)
        self._soon()

    async def drained(self) -> None:
        """Returns when every outcome is on disk."""
        if self._sent or self._troubles or self._late:
            self._drained = self._loop.create_future()
            await self._drained

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._later)

    def _later(self) -> None:
        # What arrives in this turn joins: a third less commits than without it.
        self._loop.call_soon(self._write)

    def _write(self) -> None:
        # What is written leaves its list at once: after an error the rest is tried again, and
        # a mark that was set would be refused the second time.
        self._asked = [question for question in self._asked if not question[2].done()]
        try:
            self._write_troubles()
            self._write_sent_and_marks()
            self._write_late()
            self._answer_refused()
        except (DBAPIError, self._database.errors) as error:
            self._wait_for_the_database(error)
            return
        self._is_due = self.is_away = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _write_troubles(self) -> None:
        if self._troubles:
            with self._database.begin() as connection:
                marks.record_troubles(connection, self._lease, self._troubles)
            self._troubles = []

    def _write_sent_and_marks(self) -> None:
        sent, asked, bound = self._sent, self._asked, self._bound
        if not sent and not asked:
            return
        statements = [bound.sent(*one) for one in sent]
        statements += [
            bound.mark(session_id, delivery_id, date) for session_id, delivery_id, _, date in asked
        ]
        changed = self._direct.run(statements)
        self._sent, self._asked = [], []
        now = time.monotonic()
        for one, rows in zip(sent, changed[: len(sent)], strict=True):
            if rows != 1:
                self._late.append(one)
        for question, rows in zip(asked, changed[len(sent) :], strict=True):
            if rows == 1:
                self.marked_at[question[1]] = now
                question[2].set_result(True)
            else:
                self._unanswered.append(question)

    def _write_late(self) -> None:
        """We lost the lease before these were on disk. What the server said is true all the same."""
        if self._late:
            with self._database.begin() as connection:
                for one in self._late:
                    marks.record_late(connection, *one)
            self._late = []

    def _answer_refused(self) -> None:
        if not self._unanswered:
            return
        with self._database.read() as connection:
            left = [question[1] for question in self._unanswered]
            why = {r.delivery_id: r.why for r in marks.why_refused(connection, self._lease, left)}
        self.refused.update(why)
        for _, _, answer, _ in self._unanswered:
            if not answer.done():
                answer.set_result(False)
        self._unanswered = []

    def _wait_for_the_database(self, error: Exception) -> None:
        if not self.is_away:
            log.warning("the ledger is away; outcomes are kept", reason=cause(error))
        self.is_away = True
        self._loop.call_later(LEDGER_RETRY, self._write)
