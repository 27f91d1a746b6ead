"""Readiness: the parts of a local run are asked themselves, as their clients would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from mailroom.local import valkey
from mailroom.local.ports import LOOPBACK_HOST
from mailroom.queue import Queue, QueueDown

Check = Callable[[], Awaitable[bool]]
READINESS_ASKED_EVERY = 0.1  # seconds
REMIND_AFTER = 15.0


async def all_of(checks: Mapping[str, Check], remind: Callable[[list[str]], None]) -> None:
    """Return when every check has held once; `remind` gets the names that take long."""
    waiting, next_reminder = dict(checks), asyncio.get_running_loop().time() + REMIND_AFTER
    while waiting:
        for name, check in list(waiting.items()):
            if await check():
                del waiting[name]
        if waiting and asyncio.get_running_loop().time() > next_reminder:
            remind(list(waiting))
            next_reminder += REMIND_AFTER
        if waiting:
            await asyncio.sleep(READINESS_ASKED_EVERY)


def web(port: int) -> Check:
    request = f"GET /healthz HTTP/1.1\r\nHost: {LOOPBACK_HOST}:{port}\r\nConnection: close\r\n\r\n"
    return lambda: _greets(port, request.encode(), b"HTTP/1.1 200")


def catcher(port: int) -> Check:
    return lambda: _greets(port, b"", b"220")


def redis(url: str) -> Check:
    return lambda: asyncio.to_thread(valkey.answers, url)


def worker(url: str, earlier: set[str]) -> Check:
    """A worker that is none of the `earlier` ones: Valkey remembers those that were killed."""
    return lambda: asyncio.to_thread(lambda: bool(worker_names(url) - earlier))


def worker_names(url: str) -> set[str]:
    try:
        return {worker.name for worker in Queue(url).workers()}
    except QueueDown:
        return set()


async def _greets(port: int, request: bytes, answer: bytes) -> bool:
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(LOOPBACK_HOST, port)
            try:
                writer.write(request)
                return await reader.readexactly(len(answer)) == answer
            finally:
                writer.close()
    return False
