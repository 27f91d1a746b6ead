"""Readiness: the parts of a local run are asked themselves, as their clients would, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from mailroom.local import valkey
from mailroom.local.ports import LOOPBACK_HOST
from mailroom.queue import Queue, QueueDown

Check = Callable[[], Awaitable[str | None]]
"""Why it is not ready yet; None when it is. Raises NeverReady."""

READINESS_ASKED_EVERY = 0.1  # seconds
REMIND_AFTER = 15.0

SEE_ABOVE = "its lines above say more"


class NeverReady(Exception):
    """To wait longer would not help. `str()`: what, and why."""


async def all_of(
    checks: Mapping[str, Check], remind: Callable[[dict[str, str]], None], patience: float
) -> None:
    """Return when every check has held once; `remind` is told what takes long, and why. Raises NeverReady."""
    now = asyncio.get_running_loop().time
    waiting, next_reminder, end = dict(checks), now() + REMIND_AFTER, now() + patience
    while waiting:
        reasons = {name: await check() for name, check in waiting.items()}
        missing = {name: reason for name, reason in reasons.items() if reason is not None}
        waiting = {name: checks[name] for name in missing}
        for name, reason in missing.items() if now() > end else ():
            raise NeverReady(f"{name} is not ready after {patience:.0f} s: {reason}")
        if missing and now() > next_reminder:
            remind(missing)
            next_reminder += REMIND_AFTER
        if waiting:
            await asyncio.sleep(READINESS_ASKED_EVERY)


def web(port: int) -> Check:
    request = f"GET /healthz HTTP/1.1\r\nHost: {LOOPBACK_HOST}:{port}\r\nConnection: close\r\n\r\n"
    return lambda: _greets(port, request.encode(), b"HTTP/1.1 200")


def catcher(port: int) -> Check:
    return lambda: _greets(port, b"", b"220")


def redis(url: str) -> Check:
    return lambda: asyncio.to_thread(_redis_trouble, url)


def _redis_trouble(url: str) -> str | None:
    try:
        return valkey.trouble(url)
    except valkey.Unusable as reason:
        raise NeverReady(f"REDIS_URL names a Redis that cannot be used: {reason}") from None


def worker(url: str, earlier: set[str]) -> Check:
    """A worker that is none of the `earlier` ones: Valkey remembers those that were killed."""
    return lambda: asyncio.to_thread(
        lambda: None if worker_names(url) - earlier else f"none is registered in Redis; {SEE_ABOVE}"
    )


def worker_names(url: str) -> set[str]:
    try:
        return {worker.name for worker in Queue(url).workers()}
    except QueueDown:
        return set()


async def _greets(port: int, request: bytes, answer: bytes) -> str | None:
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(LOOPBACK_HOST, port)
            try:
                writer.write(request)
                if await reader.readexactly(len(answer)) == answer:
                    return None
            finally:
                writer.close()
    return f"no answer on port {port}; {SEE_ABOVE}"
