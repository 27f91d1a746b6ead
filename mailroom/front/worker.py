"""gunicorn's worker: a process that accepts, looks after everybody once a second, and stops in order."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import repeat
from queue import SimpleQueue
from types import FrameType
from typing import Any, ClassVar

from gunicorn.workers.base import Worker

from mailroom import files, supervision
from mailroom.front.connection import ClientConnection, Tasks
from mailroom.front.crowd import Crowd
from mailroom.front.limits import MEBIBYTE, FrontLimits

FRONT_TICK = 1.0
GIVES_WAY_FOR, MOST_TURNS_GIVEN = 0.001, 10
"""Seconds for each request that is under way, up to so many: whoever has least to do accepts first."""

FILES_OF_OUR_OWN = 100
"""Of the database, the queue, the logs. A connection has one, and one more when its body is large."""


class SettledConfig:
    """gunicorn's configuration, which looks every value up anew, some twenty times a request."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._configuration, name)
        setattr(self, name, value)  # the next one finds it here
        return value


class Front(Worker):  # type: ignore[misc]
    """One thread runs the event loop; `threads` others run the application.

    `limits`, `largest_body` and `find_client` may be set by gunicorn's configuration file.
    """

    limits: ClassVar[FrontLimits] = FrontLimits()

    with_own_thread: ClassVar[frozenset[str]] = frozenset()
    """Paths that each have a thread of their own: they are answered while all other threads wait."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.largest_body: Callable[[dict[str, Any]], int] = lambda environ: 64 * MEBIBYTE
        self.find_client: Callable[[str, str], str] = lambda peer, forwarded_for: peer
        self.settled = SettledConfig(self.cfg)
        self.tasks: Tasks = SimpleQueue()
        self._own_tasks: dict[str, Tasks] = {path: SimpleQueue() for path in self.with_own_thread}
        self.loop: asyncio.AbstractEventLoop
        self._stop = asyncio.Event()
        self._connecting: set[asyncio.Task[Any]] = set()

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        if cfg.is_ssl:
            raise RuntimeError("TLS is for the proxy before Mailroom: it speaks plain HTTP")

    def init_process(self) -> None:
        self.loop = asyncio.new_event_loop()
        places = files.places_for(2 * self.limits.connections + FILES_OF_OUR_OWN) - FILES_OF_OUR_OWN
        self.crowd = Crowd(
            replace(self.limits, connections=min(self.limits.connections, max(1, places // 2)))
        )
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        # A terminal that hangs up tells all processes: the first one has us end in order, or go on.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def run(self) -> None:
        for number, tasks in enumerate(self._all_tasks()):
            # Daemons: a second signal ends the process at once, whatever they do.
            supervision.beside(f"thread {number} of the front", partial(self._work, tasks))
        self.loop.run_until_complete(self._serve())

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        self.alive = False
        self.loop.call_soon_threadsafe(self._stop.set)

    def tasks_of(self, path: str) -> Tasks:
        """Where a request for this path waits for a thread."""
        return self._own_tasks.get(path, self.tasks)

    def may_keep(self) -> bool:
        """A request has come; whether its connection may be kept after it."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        return bool(self.alive and self.cfg.keepalive)

    def _all_tasks(self) -> Iterator[Tasks]:
        """Once for each thread."""
        yield from repeat(self.tasks, self.cfg.threads)
        yield from self._own_tasks.values()

    def _work(self, tasks: Tasks) -> None:
        while (task := tasks.get()) is not None:
            try:
                task()
            except BaseException:  # SystemExit of an application ends an answer, and nothing else
                self.log.exception("a thread of the front failed")

    async def _serve(self) -> None:
        for listener in self.sockets:
            listener.setblocking(False)
            self.loop.add_reader(listener.fileno(), self._accept, listener)
        while self.alive:
            self._look_after_all()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), FRONT_TICK)
        for listener in self.sockets:
            self.loop.remove_reader(listener.fileno())
            listener.close()
        end = time.monotonic() + self.cfg.graceful_timeout
        while len(self.crowd) and time.monotonic() < end:
            self._look_after_all()
            await asyncio.sleep(0.02)
        for tasks in self._all_tasks():
            tasks.put(None)

    def _accept(self, listener: socket.socket) -> None:
        """While threads of ours are at work, a process that has less to do has the first turn: a client stays
        with the process that accepts it, and among the idle it is always the same one that wakes first."""
        if self.cfg.workers == 1 or not self.crowd.at_work:
            self._accept_one(listener)
            return
        self.loop.remove_reader(listener.fileno())
        waits = GIVES_WAY_FOR * min(self.crowd.at_work, MOST_TURNS_GIVEN)
        self.loop.call_later(waits, self._accept_at_last, listener)

    def _accept_at_last(self, listener: socket.socket) -> None:
        if self.alive:
            self.loop.add_reader(listener.fileno(), self._accept, listener)
            self._accept_one(listener)

    def _accept_one(self, listener: socket.socket) -> None:
        """One at a time, so that the processes share them."""
        try:
            client, peer = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                self.crowd.shed()
            return
        server = listener.getsockname()
        task = self.loop.create_task(
            self.loop.connect_accepted_socket(lambda: ClientConnection(self, peer, server), client)
        )
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def _look_after_all(self) -> None:
        self.notify()
        if self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False
        now = time.monotonic()
        for member in list(self.crowd.waiting()):
            if member.deadline <= now:
                member.expire()
