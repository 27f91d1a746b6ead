"""A database that is some way off: a proxy on loopback that holds every octet back for a moment."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from selectors import SelectSelector
from subprocess import PIPE, Popen

from benchmarks.processes import ROOT


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


async def _serve(socket_path: str, seconds: float) -> None:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(socket_path)
        await asyncio.gather(_pass_on(reader, ours, seconds), _pass_on(theirs, writer, seconds))

    server = await asyncio.start_server(visit, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """In order, each piece after its time; none waits for the one before it."""
    loop = asyncio.get_running_loop()
    try:
        while data := await reader.read(1 << 16):
            loop.call_later(seconds, writer.write, data)
    except OSError:
        pass
    loop.call_later(seconds, writer.close)


if __name__ == "__main__":
    # Of the selectors, epoll rounds up to whole milliseconds: it would make 1.5 of them 2.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(SelectSelector())) as runner:
        runner.run(_serve(sys.argv[1], float(sys.argv[2])))
