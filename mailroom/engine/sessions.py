"""SMTP sessions that are kept between jobs: a handshake and a login cost more than a mail."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import defaultdict
from dataclasses import dataclass

from mailroom.database import Database
from mailroom.delivery.server import Server
from mailroom.delivery.session import Session
from mailroom.ledger import marks

IDLE_AT_MOST = 30.0
"""Seconds that an unused session stays open: servers hang up on idlers, some after a minute."""


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
        self.reply_time: dict[str, float] = {}  # seconds from mark to reply, smoothed, by server

    def idle(self, server: Server) -> int:
        """How many open sessions to this server wait for work."""
        return len(self._idle[server.name])

    async def take(self, server: Server) -> Kept:
        """A kept session, or a new one. Raises Failure with scope `server`."""
        while self._idle[server.name]:
            kept = self._idle[server.name].pop()
            if not kept.session.closed:
                return kept
            self._numbers.discard(kept.number)
        return await self._open(server)

    async def _open(self, server: Server) -> Kept:
        session = await Session.open(server, socket.getfqdn())
        number = next(number for number in range(1, len(self._numbers) + 2) if number not in self._numbers)
        self._numbers.add(number)
        try:
            with self._database.begin() as connection:
                session_id = marks.open_session(connection, self._worker, number, server.name)
        except BaseException:
            self._numbers.discard(number)
            session.abort()
            raise
        return Kept(session, session_id, number)

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

    async def close_idle(self, older_than: float = IDLE_AT_MOST) -> None:
        """Takes leave of sessions that were not used for so many seconds."""
        now = time.monotonic()
        late: list[Kept] = []
        for name, waiting in self._idle.items():
            late += [kept for kept in waiting if now - kept.session.idle_since >= older_than]
            self._idle[name] = [kept for kept in waiting if kept not in late]
        await asyncio.gather(*(kept.session.close() for kept in late))
        self._numbers -= {kept.number for kept in late}
