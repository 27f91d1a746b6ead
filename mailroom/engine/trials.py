"""Trying a server in trouble when no mail does: pages must not speak of it for longer than it lasts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection

import structlog
from sqlalchemy.exc import DBAPIError

from mailroom.database.engine import Database
from mailroom.delivery.failure import Failure
from mailroom.delivery.probe import probe
from mailroom.delivery.server import Server
from mailroom.engine.sessions import Sessions
from mailroom.ledger import servers
from mailroom.ledger.servers import Trouble

log = structlog.get_logger()

EVERY = 1.0
"""Seconds between two looks at what is in trouble."""


class Trials:
    """One worker's part. Belongs to its event loop."""

    def __init__(self, database: Database, sessions: Sessions, known: Collection[Server]) -> None:
        self._database = database
        self._sessions = sessions
        self._known = {server.name: server for server in known}

    async def run(self) -> None:
        """Until it is canceled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except DBAPIError:
                continue  # whoever needs the ledger says that it is away
            except Exception:
                log.exception("a server in trouble could not be tried")

    async def look(self) -> None:
        with self._database.read() as connection:
            troubled = servers.troubled(connection)
        for trouble in troubled:
            if trouble.server in self._known:
                await self._see_to(trouble, self._known[trouble.server])

    async def _see_to(self, trouble: Trouble, server: Server) -> None:
        if trouble.stage in ("connect", "ehlo") and self._sessions.idle(server):
            # Another worker is refused, and we keep sessions for later: perhaps these are too many.
            if await self._sessions.give_up(server):
                self._heal(server)
            return
        with self._database.begin() as connection:
            is_ours = servers.try_without_mail(connection, server.name)
        if is_ours:
            await self._try(server)

    async def _try(self, server: Server) -> None:
        try:
            await probe(server, socket.getfqdn())
        except Failure as failure:
            reply = failure.reply
            asked_ms = reply.retry_after * 1000 if reply and reply.retry_after else None
            with self._database.begin() as connection:
                servers.failed(
                    connection,
                    server.name,
                    failure.stage,
                    failure.code,
                    failure.message,
                    is_trial=True,
                    pause_ms=asked_ms,
                )
        except asyncio.CancelledError:
            with self._database.begin() as connection:
                servers.not_tried(connection, server.name)
            raise
        else:
            log.info("a server is out of trouble", server=server.name)
            self._heal(server)

    def _heal(self, server: Server) -> None:
        with self._database.begin() as connection:
            servers.healthy(connection, server.name)
