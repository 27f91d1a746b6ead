"""Session pool: a relay's SMTP sessions, kept between jobs: a handshake and a login cost more than a mail."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial

from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.send.outage import LEDGER_RETRY
from mailroom.http.aside import aside
from mailroom.ledger.deliveries import marks
from mailroom.smtp.failure import Failure
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session

IDLE_AT_MOST = 30.0
"""Seconds that an unused session stays open: servers hang up on idlers, some after a minute."""

WAIT_WORTH_A_SESSION = 0.01
"""Seconds without an answer after which another session is worth opening."""

HEARD_WITHIN = 0.2
"""Seconds to wait before a refused connection is told: whoever took the last place is at work by then."""

FIRST_STAND_BACK = 1.0
LONGEST_STAND_BACK = 30.0


def is_about_one_connection(failure: Failure) -> bool:
    """Whether it may be this connection only that the server does not want: because it has enough of them."""
    is_later = failure.stage in ("tls", "auth") and failure.reply is not None and failure.reply.code < 500
    return failure.stage in ("connect", "ehlo") or is_later


class SessionNumbers:
    """The numbers of a worker's open sessions, to whichever relay: the lanes of the timeline."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self) -> int:
        """The lowest that is free, from 1."""
        number = next(n for n in range(1, len(self._taken) + 2) if n not in self._taken)
        self._taken.add(number)
        return number

    def give_back(self, number: int) -> None:
        self._taken.discard(number)


@dataclass(slots=True)
class PooledSession:
    """An open session, its id in the ledger and its number within this worker."""

    session: Session
    id: int
    number: int


@dataclass(slots=True, eq=False)
class _Note:
    """Of an open session that is to get its id."""

    number: int
    id: int | None = None


class SessionPool:
    """The open sessions of one worker process to one server. Belongs to one event loop."""

    def __init__(
        self, server: Server, database: Database, worker: str, numbers: SessionNumbers, at_most: int
    ) -> None:
        """`at_most`: so many sessions may be open at once, parked ones included."""
        self.at_most = at_most
        self.stands_back_until = 0.0  # by the monotonic clock
        self.reply_time: float | None = None  # seconds from mark to reply, smoothed
        self._server = server
        self._database = database
        self._worker = worker
        self._numbers = numbers
        self._idle: list[PooledSession] = []
        self._turned_away = 0  # times in a row
        self._busy = 0  # taken, or being opened
        self._worked_at = 0.0  # by the monotonic clock
        self._unnoted: list[_Note] = []
        self._noting = asyncio.Lock()  # each note has a connection to the ledger

    @property
    def room(self) -> int:
        """How many sessions may still be taken."""
        return self.at_most - self._busy

    @property
    def idle(self) -> int:
        """How many open sessions wait for work."""
        return sum(not pooled.session.closed for pooled in self._idle)

    @property
    def answers_at_once(self) -> bool:
        """Whether the server is known to answer before another session would be worth it."""
        return self.reply_time is not None and self.reply_time < WAIT_WORTH_A_SESSION

    def has_worked_since(self, moment: float) -> bool:
        """Whether the server opened a session or took a mail since then (monotonic)."""
        return self._worked_at >= moment

    async def take(self) -> PooledSession | None:
        """A kept session, or a new one; None: there are as many as there may be.

        Raises Failure with scope `server`.
        """
        if self.room <= 0:
            return None
        self._busy += 1
        try:
            return await self._take()
        except BaseException:
            self._busy -= 1
            raise

    async def _take(self) -> PooledSession:
        while self._idle:
            pooled = self._idle.pop()
            if not pooled.session.closed:
                return pooled
            self._numbers.give_back(pooled.number)
        return await self._open()

    async def _open(self) -> PooledSession:
        try:
            session = await Session.open(self._server)
        except Failure as failure:
            if is_about_one_connection(failure):
                await asyncio.sleep(HEARD_WITHIN)
            raise
        self._turned_away, self._worked_at = 0, time.monotonic()
        number = self._numbers.take()
        try:
            return PooledSession(session, await self._noted(number), number)
        except BaseException:
            self._numbers.give_back(number)
            session.abort()
            raise

    async def _noted(self, number: int) -> int:
        """The session's id. Waits while the ledger is away: nothing may be sent meanwhile anyway."""
        note = _Note(number)
        self._unnoted.append(note)
        try:
            async with self._noting:
                while note.id is None:
                    await self._note_all()
        finally:
            self._unnoted = [one for one in self._unnoted if one is not note]
        return note.id

    async def _note_all(self) -> None:
        """Those that are open and wait for it: while one note is written, the others come together."""
        notes = self._unnoted.copy()
        try:
            ids = await aside(partial(self._write, [note.number for note in notes]))
        except LEDGER_AWAY:
            await asyncio.sleep(LEDGER_RETRY)
            return
        for note, id in zip(notes, ids, strict=True):
            note.id = id
        self._unnoted = [note for note in self._unnoted if note.id is None]

    def _write(self, numbers: list[int]) -> list[int]:
        with self._database.begin_at_once() as connection:
            ids = marks.open_sessions(connection, self._worker, numbers, self._server.name)
        return ids()

    async def put_back(self, pooled: PooledSession) -> None:
        """Keeps it for a next job, unless it is closed or has sent its share."""
        try:
            if pooled.session.full:
                await pooled.session.close()
        finally:
            self._busy -= 1
        if pooled.session.closed:
            self._numbers.give_back(pooled.number)
        else:
            self._idle.append(pooled)

    def answered(self, seconds: float) -> None:
        """Learns how fast the server takes a mail."""
        self._worked_at = time.monotonic()
        before = seconds if self.reply_time is None else self.reply_time
        self.reply_time = before * 0.8 + seconds * 0.2

    def turn_away(self) -> None:
        """The server serves others and has no session for this worker: which stands back a while."""
        pause = min(LONGEST_STAND_BACK, FIRST_STAND_BACK * 2.0 ** min(self._turned_away, 10))
        self._turned_away += 1
        self.stands_back_until = time.monotonic() + pause

    def stand_back(self) -> None:
        """No session is left to take: others may have one, so mail is left to them for a moment."""
        self.stands_back_until = max(self.stands_back_until, time.monotonic() + FIRST_STAND_BACK)

    async def give_up(self) -> bool:
        """Takes leave of the sessions that wait for work; whether the server answered any of them."""
        waiting, self._idle = self._idle, []
        return any(await self._close(waiting))

    async def close_idle(self, older_than: float = IDLE_AT_MOST) -> None:
        """Takes leave of sessions that were not used for so many seconds."""
        now = time.monotonic()
        late = [pooled for pooled in self._idle if now - pooled.session.idle_since >= older_than]
        self._idle = [pooled for pooled in self._idle if pooled not in late]
        await self._close(late)

    async def _close(self, left: list[PooledSession]) -> list[bool]:
        answered = await asyncio.gather(*(pooled.session.close() for pooled in left))
        for pooled in left:
            self._numbers.give_back(pooled.number)
        return answered
