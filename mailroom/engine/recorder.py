"""Group commits: the last outcomes and the next marks of all sessions in one transaction.

Everything that sessions ask for in one turn of the event loop is written in the next.
So an outcome and the mark that follows it share a commit, and neither ever waits.
"""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy.exc import DBAPIError

from mailroom.database import Database, Direct
from mailroom.ledger import marks, states
from mailroom.ledger.batches import Lease

log = structlog.get_logger()

RETRY_AFTER = 0.25
"""Seconds until the next try while the database is away."""

Asked = tuple[int, int, "asyncio.Future[str]"]
"""session id, delivery id, and the answer: "" or why the mark was refused."""


class Recorder:
    """Writes for one lease. Belongs to one event loop; closed by `drained`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, database: Database, direct: Direct, lease: Lease
    ) -> None:
        self._database = database
        self._direct = direct
        self._lease = lease
        self._pen = marks.Pen(database.engine, lease)
        self._loop = loop
        self._asked: list[Asked] = []
        self._sent: list[marks.Outcome] = []
        self._troubles: list[marks.Outcome] = []
        self._late: list[marks.Outcome] = []
        self._refused: list[Asked] = []
        self._is_due = False
        self._is_away = False
        self._drained: asyncio.Future[None] | None = None

    def mark(self, session_id: int, delivery_id: int) -> asyncio.Future[str]:
        """Resolves, once committed, to "" or to why this delivery must not be sent."""
        answer: asyncio.Future[str] = self._loop.create_future()
        self._asked.append((session_id, delivery_id, answer))
        self._soon()
        return answer

    def record(self, outcome: marks.Outcome) -> None:
        """Kept and tried again while the database is away."""
        (self._sent if outcome.state == states.SENT else self._troubles).append(outcome)
        self._soon()

    async def drained(self) -> None:
        """Returns when every outcome is on disk."""
        if self._sent or self._troubles or self._late:
            self._drained = self._loop.create_future()
            await self._drained

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
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
        self._is_due = self._is_away = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _write_troubles(self) -> None:
        if self._troubles:
            with self._database.begin() as connection:
                marks.record_troubles(connection, self._lease, self._troubles)
            self._troubles = []

    def _write_sent_and_marks(self) -> None:
        outcomes = [self._pen.sent(outcome) for outcome in self._sent]
        asked = [self._pen.mark(session_id, delivery_id) for session_id, delivery_id, _ in self._asked]
        if not outcomes and not asked:
            return
        changed = self._direct.run([*outcomes, *asked])
        recorded, marked = changed[: len(outcomes)], changed[len(outcomes) :]
        self._late += [outcome for outcome, rows in zip(self._sent, recorded, strict=True) if rows != 1]
        for question, rows in zip(self._asked, marked, strict=True):
            if rows == 1:
                question[2].set_result("")
            else:
                self._refused.append(question)
        self._sent, self._asked = [], []

    def _write_late(self) -> None:
        """We lost the lease before these were on disk. What the server said is true all the same."""
        if self._late:
            with self._database.begin() as connection:
                for outcome in self._late:
                    marks.record_late(connection, outcome)
            self._late = []

    def _answer_refused(self) -> None:
        if not self._refused:
            return
        with self._database.read() as connection:
            left = [question[1] for question in self._refused]
            why = {r.delivery_id: r.why for r in marks.why_refused(connection, self._lease, left)}
        for _, delivery_id, answer in self._refused:
            if not answer.done():
                answer.set_result(why[delivery_id])
        self._refused = []

    def _wait_for_the_database(self, error: Exception) -> None:
        if not self._is_away:
            log.warning("the ledger is away; outcomes are kept", error=type(error).__name__)
        self._is_away = True
        self._loop.call_later(RETRY_AFTER, self._write)
