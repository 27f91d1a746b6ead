"""The sink's listening end: what its connections share."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable

from mailroom.sink.connection import SinkConnection
from mailroom.sink.options import Options
from mailroom.sink.peer import Peer
from mailroom.sink.record import Record
from mailroom.sink.rules import Rule, Rules


class Sink:
    """Runs in the event loop that starts it."""

    def __init__(self, rules: Iterable[str | Rule] = (), options: Options | None = None) -> None:
        self.options = options or Options()
        self.rules = Rules(rules, self.options.seed)
        self.record = Record(self.options.record, keep=self.options.keep, remember=self.options.remember)
        self.connections: set[Peer] = set()
        self.connections_seen = 0
        self.messages_announced = 0
        self.port = self.options.port
        self._server: asyncio.Server | None = None
        self._upgrades: set[asyncio.Task[None]] = set()
        self._context: ssl.SSLContext | None = None
        if self.options.tls != "none":
            if self.options.certificate is None:
                raise ValueError("TLS needs a certificate")
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(self.options.certificate)

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: SinkConnection(self),
            self.options.host,
            self.port,
            ssl=self._context if self.options.tls == "implicit" else None,
            backlog=512,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody, and listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.hang_up()
        await asyncio.sleep(0)

    def hang_up(self) -> None:
        for connection in list(self.connections):
            connection.close()

    def set_rules(self, rules: Iterable[str | Rule]) -> None:
        self.rules = Rules(rules, self.options.seed)

    # What connections call

    def opened(self, connection: Peer) -> int:
        self.connections.add(connection)
        self.connections_seen += 1
        return self.connections_seen

    def closed(self, connection: Peer) -> None:
        self.connections.discard(connection)

    def announced(self) -> int:
        self.messages_announced += 1
        return self.messages_announced

    def start_tls(
        self,
        transport: asyncio.Transport | None,
        connection: Peer,
        done: Callable[[asyncio.Transport | None], None],
    ) -> None:
        assert transport is not None and self._context is not None
        task = asyncio.create_task(self._upgrade(transport, connection, self._context, done))
        self._upgrades.add(task)
        task.add_done_callback(self._upgrades.discard)

    async def _upgrade(
        self,
        transport: asyncio.Transport,
        connection: Peer,
        context: ssl.SSLContext,
        done: Callable[[asyncio.Transport | None], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            done(await loop.start_tls(transport, connection, context, server_side=True))
        except OSError:  # the client did not like our certificate, most likely on purpose
            transport.abort()
