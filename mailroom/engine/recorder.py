"""Group commits: the last outcomes and the next marks of all sessions in one transaction.

Everything that sessions ask for in one turn of the event loop is written in the next.
So an outcome and the mark that follows it share a commit, and neither ever waits.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailroom.database import Database
from mailroom.ledger import marks
from mailroom.ledger.batches import Lease

log = structlog.get_logger()

RETRY_AFTER = 0.25
"""Seconds until the next try while the database is away."""

Asked = tuple[int, int, "asyncio.Future[str]"]
"""session id, delivery id, and the answer: "" or why the mark was refused."""


class Recorder:
    """Writes for one lease. Belongs to one event loop."""

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database = database
        self._lease = lease
        self._loop = asyncio.get_running_loop()
        self._asked: list[Asked] = []
        self._outcomes: list[marks.Outcome] = []
        self._is_due = False
        self._is_away = False

    def mark(self, session_id: int, delivery_id: int) -> asyncio.Future[str]:
        """Resolves, once committed, to "" or to why this delivery must not be sent."""
        answer: asyncio.Future[str] = self._loop.create_future()
        self._asked.append((session_id, delivery_id, answer))
        self._soon()
        return answer

    def record(self, outcome: marks.Outcome) -> None:
        """Kept and tried again while the database is away."""
        self._outcomes.append(outcome)
        self._soon()

    async def drained(self) -> None:
        """Returns when every outcome is on disk."""
        while self._outcomes:
            await asyncio.sleep(RETRY_AFTER / 10)

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        asked = [
            (session, delivery, answer) for session, delivery, answer in self._asked if not answer.done()
        ]
        try:
            with self._database.begin() as connection:
                marks.record(connection, self._lease, self._outcomes)
                refused = self._mark(connection, asked)
        except DBAPIError as error:
            self._wait_for_the_database(error)
            return
        self._is_due = self._is_away = False
        self._asked, self._outcomes = [], []
        for _, delivery_id, answer in asked:
            answer.set_result(refused.get(delivery_id, ""))

    def _mark(self, connection: Connection, asked: list[Asked]) -> dict[int, str]:
        by_session: dict[int, set[int]] = defaultdict(set)
        for session_id, delivery_id, _ in asked:
            by_session[session_id].add(delivery_id)
        left: set[int] = set()
        for session_id, delivery_ids in by_session.items():
            left |= delivery_ids - marks.mark(connection, self._lease, session_id, delivery_ids)
        if not left:
            return {}
        return {
            refusal.delivery_id: refusal.why for refusal in marks.why_refused(connection, self._lease, left)
        }

    def _wait_for_the_database(self, error: DBAPIError) -> None:
        if not self._is_away:
            log.warning("the ledger is away; outcomes are kept", error=type(error.orig).__name__)
        self._is_away = True
        self._loop.call_later(RETRY_AFTER, self._write)
