"""SMTP sessions that are kept between jobs: a handshake and a login cost more than a mail."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from mailroom.database.engine import Database
from mailroom.delivery.failure import Failure
from mailroom.delivery.server import Server
from mailroom.delivery.session import Session
from mailroom.ledger import marks

IDLE_AT_MOST = 30.0
"""Seconds that an unused session stays open: servers hang up on idlers, some after a minute."""

RETRY_AFTER = 0.25
"""Seconds until the next try while the ledger is away."""

HEARD_WITHIN = 0.2
"""Seconds to wait before a refused connection is told: whoever took the last place is at work by then."""

FIRST_STAND_BACK = 1.0
LONGEST_STAND_BACK = 30.0


def is_about_one_connection(failure: Failure) -> bool:
    """Whether it may be this connection only that the server does not want: because it has enough of them."""
    return failure.stage in ("connect", "ehlo") or (failure.reply is not None and failure.reply.code < 500)


@dataclass(slots=True)
class Kept:
    """An open session, its id in the ledger and its number within this worker."""

    session: Session
    id: int
    number: int


class Sessions:
    """The open sessions of one worker process. Belongs to one event loop."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._idle: dict[str, list[Kept]] = defaultdict(list)
        self._numbers: set[int] = set()
        self._turned_away = 0  # times in a row
        self.stands_back_until = 0.0  # by the monotonic clock
        self.reply_time: dict[str, float] = {}  # seconds from mark to reply, smoothed, by server

    def idle(self, server: Server) -> int:
        """How many open sessions to this server wait for work."""
        return sum(not kept.session.closed for kept in self._idle[server.name])

    async def take(self, server: Server) -> Kept:
        """A kept session, or a new one. Raises Failure with scope `server`."""
        while self._idle[server.name]:
            kept = self._idle[server.name].pop()
            if not kept.session.closed:
                return kept
            self._numbers.discard(kept.number)
        return await self._open(server)

    async def _open(self, server: Server) -> Kept:
        try:
            session = await Session.open(server, socket.getfqdn())
        except Failure as failure:
            if is_about_one_connection(failure):
                await asyncio.sleep(HEARD_WITHIN)
            raise
        self._turned_away = 0
        number = next(number for number in range(1, len(self._numbers) + 2) if number not in self._numbers)
        self._numbers.add(number)
        try:
            session_id = await self._noted(number, server)
        except BaseException:
            self._numbers.discard(number)
            session.abort()
            raise
        return Kept(session, session_id, number)

    async def _noted(self, number: int, server: Server) -> int:
        """The session's id. Waits while the ledger is away: nothing may be sent meanwhile anyway."""
        while True:
            try:
                with self._database.begin() as connection:
                    return marks.open_session(connection, self._worker, number, server.name)
            except DBAPIError:
                await asyncio.sleep(RETRY_AFTER)

    async def put_back(self, kept: Kept) -> None:
        """Keeps it for a next job, unless it is closed or has sent its share."""
        if kept.session.full:
            await kept.session.close()
        if kept.session.closed:
            self._numbers.discard(kept.number)
        else:
            self._idle[kept.session.server.name].append(kept)

    def answered(self, server: Server, seconds: float) -> None:
        """Learns how fast this server takes a mail."""
        before = self.reply_time.get(server.name, seconds)
        self.reply_time[server.name] = before * 0.8 + seconds * 0.2

    async def give_up(self, server: Server) -> bool:
        """Takes leave of the sessions that wait for work; whether the server answered any of them."""
        waiting, self._idle[server.name] = self._idle[server.name], []
        answered = await asyncio.gather(*(kept.session.close() for kept in waiting))
        self._numbers -= {kept.number for kept in waiting}
        return any(answered)

    def turn_away(self) -> None:
        """The server serves others and has no session for this worker: which stands back a while."""
        pause = min(LONGEST_STAND_BACK, FIRST_STAND_BACK * 2.0 ** min(self._turned_away, 10))
        self._turned_away += 1
        self.stands_back_until = time.monotonic() + pause

    async def close_idle(self, older_than: float = IDLE_AT_MOST) -> None:
        """Takes leave of sessions that were not used for so many seconds."""
        now = time.monotonic()
        late: list[Kept] = []
        for name, waiting in self._idle.items():
            late += [kept for kept in waiting if now - kept.session.idle_since >= older_than]
            self._idle[name] = [kept for kept in waiting if kept not in late]
        await asyncio.gather(*(kept.session.close() for kept in late))
        self._numbers -= {kept.number for kept in late}
