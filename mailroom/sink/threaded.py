"""A sink in a thread of a test's own process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, Self, TypeVar

from mailroom.sink.options import Options
from mailroom.sink.record import RecordedMessage
from mailroom.sink.rules import Rule
from mailroom.sink.server import Sink

T = TypeVar("T")


class ThreadedSink:
    """`with ThreadedSink(["rcpt slow@*: delay dot 2"], keep=True) as sink: ... sink.port`.

    The keywords are those of Options.
    """

    def __init__(self, rules: Iterable[str | Rule] = (), **options: Any) -> None:
        self._sink = Sink(rules, Options(**options))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sink", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._sink.record.close()

    def start(self) -> None:
        """Listen, on the same port as before if it was stopped."""
        self._do(self._sink.start())

    def stop(self) -> None:
        """Like a server that goes down: what was recorded stays."""
        self._do(self._sink.stop())

    @property
    def port(self) -> int:
        return self._sink.port

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._sink.connections)

    @property
    def connections_seen(self) -> int:
        return self._sink.connections_seen

    def messages(self) -> list[RecordedMessage]:
        return self._sink.record.messages()

    def wait(self, count: int, timeout: float = 10) -> list[RecordedMessage]:
        """All messages, once there are `count`; raises TimeoutError."""
        return self._sink.record.wait(count, timeout)

    def set_rules(self, rules: Iterable[str | Rule]) -> None:
        """From now on, also for connections that are open."""
        self._sink.set_rules(list(rules))

    def hang_up(self) -> None:
        """Drop every connection."""
        self._do(self._hang_up())

    async def _hang_up(self) -> None:
        self._sink.hang_up()

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)
