"""The relay's SIZE (RFC 1870): how large a message it takes, asked only for a large one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from mailroom.settings import Settings
from mailroom.smtp.failure import Failure
from mailroom.smtp.greeting import greet
from mailroom.smtp.server import server_from
from mailroom.smtp.session import Session

ASKED_FROM = 1_000_000
"""Octets of a message: hardly a server takes no more."""

RELAY_SECONDS = 3.0


def relay_limit(settings: Settings) -> int | None:
    """Octets; None: it names no limit, or does not answer in time."""
    try:
        return asyncio.run(_ask(settings)) or None
    except (Failure, TimeoutError, OSError):
        return None


async def _ask(settings: Settings) -> int:
    server = replace(server_from(settings), timeout=RELAY_SECONDS)
    async with asyncio.timeout(RELAY_SECONDS):
        wire, extensions = await greet(server)
        try:
            await Session(server, wire, extensions).close()
        finally:
            wire.abort()
        return extensions.size_limit
