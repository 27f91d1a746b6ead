"""A database that is some way off: a proxy on loopback that holds every octet back for a moment."""

from __future__ import annotations

import asyncio
import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from selectors import SelectSelector
from subprocess import PIPE, Popen
from typing import cast

from benchmarks.processes import ROOT

_SET_TIMER_SLACK = 29
"""PR_SET_TIMERSLACK, prctl(2)."""


@contextmanager
def delayed(socket_path: str, milliseconds: float) -> Iterator[int]:
    """The port that leads to a Unix socket, each way taking half of `milliseconds`."""
    command = [sys.executable, "-m", "benchmarks.delay", socket_path, str(milliseconds / 2000)]
    with Popen(command, cwd=ROOT, stdout=PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        try:
            yield int(proxy.stdout.readline())
        finally:
            proxy.terminate()


class _End(asyncio.Protocol):
    """One end of a way: what comes in here leaves at the other end, each piece after its time."""

    def __init__(self, seconds: float, arrived: Callable[[_End], None] = lambda end: None) -> None:
        self._seconds, self._arrived = seconds, arrived
        self._loop = asyncio.get_running_loop()
        self._other: asyncio.Transport | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._arrived(self)

    def lead_to(self, other: _End) -> None:
        self._other = other.transport

    def data_received(self, data: bytes) -> None:
        assert self._other is not None
        self._loop.call_later(self._seconds, self._other.write, data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._other is not None:
            self._loop.call_later(self._seconds, self._other.close)


async def _serve(socket_path: str, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    async def lead(here: _End) -> None:
        _, there = await loop.create_unix_connection(lambda: _End(seconds), socket_path)
        here.lead_to(there)
        there.lead_to(here)
        here.transport.resume_reading()

    def arrived(here: _End) -> None:
        here.transport.pause_reading()
        under_way.add(asyncio.create_task(lead(here)))

    server = await loop.create_server(lambda: _End(seconds, arrived), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.platform == "linux":  # which lets a thread wait 50 microseconds longer than it asked to
        ctypes.CDLL(None).prctl(_SET_TIMER_SLACK, 1, 0, 0, 0)
    # Of the selectors, epoll rounds up to whole milliseconds: it would make 1.5 of them 2.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(SelectSelector())) as runner:
        runner.run(_serve(sys.argv[1], float(sys.argv[2])))
