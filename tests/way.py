"""The way to a PostgreSQL, of which a test has the say: it can hold up what passes, and lose an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import make_url

LOOKS = 5
"""So often what seems to wait too often is looked at again."""


class Way:
    """A proxy on loopback before a server's Unix socket."""

    answers_after = 0.0
    """Seconds. With some, who waits for no answer has spoken before it comes, however busy the machine."""

    def __init__(self, socket_path: Path) -> None:
        self.round_trips = 0
        """How often a client said something after it had been answered, greetings included."""
        self._socket_path = socket_path
        self._loop = asyncio.new_event_loop()
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._loses = 0
        self._ready = threading.Event()
        threading.Thread(target=self._run, name="the way", daemon=True).start()
        assert self._ready.wait(10)

    def fewest(self, ask: Callable[[], object], enough: int = 0) -> int:
        """Round trips of what `ask` does. Where they seem to be more than `enough` it is done again, with
        answers that take longer each time, and the fewest are told.

        To who is held up between two words that wait for nothing it looks as if the second had waited for
        the first one's answer, and never the other way round.
        """
        found, usual = list[int](), self.answers_after
        try:
            while len(found) < LOOKS and min(found, default=enough + 1) > enough:
                before = self.round_trips
                ask()
                found.append(self.round_trips - before)
                self.answers_after *= 2
        finally:
            self.answers_after = usual
        return min(found)

    def hold(self) -> None:
        """Nothing passes, and nobody is told so."""
        self._loop.call_soon_threadsafe(self._is_open.clear)

    def let_go(self) -> None:
        self._loop.call_soon_threadsafe(self._is_open.set)

    def lose_next_answer(self) -> None:
        """What the server says next, to whomever, is lost together with its connection."""
        self._loses = 1

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._visit, "127.0.0.1", 0))
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(self._socket_path)
        asked = asyncio.Event()
        there = self._pass_on(reader, ours, partial(self._ask, asked))
        await asyncio.gather(there, self._pass_on(theirs, writer, partial(self._answer, asked)))

    async def _ask(self, asked: asyncio.Event) -> bool:
        self.round_trips += not asked.is_set()
        asked.set()
        return True

    async def _answer(self, asked: asyncio.Event) -> bool:
        await asyncio.sleep(self.answers_after)
        asked.clear()
        is_lost, self._loses = self._loses > 0, 0
        return not is_lost

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: object
    ) -> None:
        assert callable(passes)
        try:
            while data := await reader.read(1 << 16):
                await self._is_open.wait()
                if not await passes():
                    break
                writer.write(data)
        except OSError:
            pass
        writer.close()


@contextmanager
def way_to(postgres_url: str) -> Iterator[tuple[Way, str]]:
    """The way, and the URL that leads along it."""
    folder = make_url(postgres_url).query["host"]
    assert isinstance(folder, str)
    way = Way(Path(folder, ".s.PGSQL.5432"))
    url = make_url(postgres_url).set(host="127.0.0.1", port=way.port, query={})
    try:
        yield way, url.render_as_string(hide_password=False)
    finally:
        way.end()
