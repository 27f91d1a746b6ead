"""What a worker process is while it lives: a ledger, an event loop, kept sessions, a sweeper.

The worker's own thread waits for jobs and for signals. SMTP runs in one event loop in a
thread of its own, so that a server's farewell is heard between jobs as well.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from mailroom import log
from mailroom import settings as settings_module
from mailroom.database.engine import Database
from mailroom.delivery.server import Server, server_from
from mailroom.delivery.throttle import spacing_us
from mailroom.engine.dispatch import Dispatch
from mailroom.engine.messages import Messages
from mailroom.engine.sessions import Sessions
from mailroom.engine.sweep import Sweeper
from mailroom.engine.trials import Trials
from mailroom.engine.turns import Turns
from mailroom.engine.webhooks import Webhooks
from mailroom.queue import Queue
from mailroom.settings import Settings

BUSY_TIMEOUT = 2_000
"""Milliseconds that a worker waits for SQLite's lock: it can try again, and must hear signals."""

T = TypeVar("T")


class Process:
    """One worker process. `begin` and `end` are called once each, by its main thread."""

    def __init__(self, name: str, queue: Queue, settings: Settings) -> None:
        self.name = name
        self.queue = queue
        self.settings = settings
        self.database = Database(settings.database_url, durable=False, busy_timeout=BUSY_TIMEOUT)
        self.direct = self.database.direct()  # the event loop's alone
        self.loop = asyncio.new_event_loop()
        self.sessions = Sessions(self.database, name)
        self.messages = Messages()
        self.servers = _servers(settings)
        routes = {route: server.name for route, server in self.servers.items()}
        self.sweeper = Sweeper(self.database, queue, name, routes)
        spacing = spacing_us(settings.rate) if settings.rate else None
        self.turns = {route: Turns(self.database, server, spacing) for route, server in routes.items()}
        self.trials = Trials(self.database, self.sessions, self.servers.values())
        self.webhooks = Webhooks(self.database, queue, settings)
        self.is_stopping = False
        self._dispatch: Dispatch | None = None
        self._thread = threading.Thread(target=self._run_loop, name="smtp", daemon=True)

    def begin(self) -> None:
        # Threads hand over to each other for every job and every statement: Python's 5 ms are too long.
        sys.setswitchinterval(0.0005)
        # Deliveries come and go by the hundred, and none of them refers to itself.
        gc.set_threshold(10_000)
        self._thread.start()
        self.sweeper.start()
        self.webhooks.start()
        self._beside = [self.run(self._tidy()), self.run(self.trials.run())]

    def end(self) -> None:
        self.webhooks.stop()
        self.sweeper.stop()
        for task in self._beside:
            task.cancel()
        self.run(self.sessions.close_idle(older_than=0)).result(timeout=3)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=2)
        self.direct.close()
        self.database.dispose()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs it in the event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def work_on(self, dispatch: Dispatch | None) -> None:
        """Notes what is under way, for whoever tells this process to stop."""
        self._dispatch = dispatch
        if dispatch is not None and self.is_stopping:
            self.request_stop()

    def request_stop(self) -> None:
        """From a signal handler: mails in flight end, the rest goes back, the job returns."""
        self.is_stopping = True
        if self._dispatch is not None:
            asyncio.run_coroutine_threadsafe(self._dispatch.stop(), self.loop)

    def stand_back(self) -> None:
        """Leaves the mail to other workers for a while, if the server has sessions for them only."""
        while time.monotonic() < self.sessions.stands_back_until and not self.is_stopping:
            time.sleep(0.1)

    def server(self, route: str) -> Server:
        return self.servers[route] if route in self.servers else self.servers[""]

    def turns_of(self, route: str) -> Turns:
        return self.turns[route] if route in self.turns else self.turns[""]

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(5)
            await self.sessions.close_idle()


def _servers(settings: Settings) -> dict[str, Server]:
    servers = {"": server_from(settings)}
    if settings.slow_server is not None:
        host, _, port = settings.slow_server.rpartition(":")
        servers["slow"] = Server(host=host, port=int(port), timeout=settings.mail_timeout)
    return servers


_process: Process | None = None


def start(worker_name: str, queue: Queue) -> Process:
    """Opens the ledger and begins to sweep. Raises SettingsError."""
    global _process
    log.configure()
    _process = Process(worker_name, queue, settings_module.load())
    _process.begin()
    return _process


def stop() -> None:
    """Closes everything; harmless when nothing was started."""
    global _process
    if _process is not None:
        _process.end()
    _process = None


def request_stop() -> None:
    if _process is not None:
        _process.request_stop()


def current() -> Process:
    """Raises RuntimeError outside a worker."""
    if _process is None:
        raise RuntimeError("deliveries are made by a worker: start one with `python worker.py`")
    return _process
