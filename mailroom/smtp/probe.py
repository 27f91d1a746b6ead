"""Probe: would a server take mail from us? Everything that comes before the first recipient."""

from __future__ import annotations

import asyncio

from mailroom.smtp.failure import Failure, refused
from mailroom.smtp.greeting import greet
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session
from mailroom.smtp.transaction import WANTS_LOGIN
from mailroom.smtp.wire import Broken

PROBE_SECONDS = 25.0
"""Seconds for all of it: a server that takes longer is in trouble."""


async def probe(server: Server) -> None:
    """Connect, EHLO, TLS, AUTH, MAIL, QUIT. Raises Failure with scope `server`."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await _probe(server)
    except TimeoutError:
        words = f"{server.name} did not answer within {PROBE_SECONDS:g} seconds"
        raise Failure(words, stage="connect", scope="server") from None


async def _probe(server: Server) -> None:
    wire, extensions = await greet(server)
    try:
        # From nobody, as a bounce is: some servers ask for a login no earlier.
        wire.write(b"MAIL FROM:<>\r\n")
        reply = await wire.reply(server.timeout)
    except Broken as broken:
        raise Failure(broken.message, stage="mail", scope="server") from None
    else:
        if reply.code in WANTS_LOGIN:
            raise refused("auth", reply, "server")
        await Session(server, wire, extensions).close()
    finally:
        wire.abort()
