"""Worker process: what lives as long as it does: a ledger, an event loop, relays, a sweeper.

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
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from mailroom import log, supervision
from mailroom import settings as settings_module
from mailroom.content import private_domains
from mailroom.database.engine import Database
from mailroom.engine import neighbours
from mailroom.engine.event_loop import new_event_loop
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.hold import HoldWatch
from mailroom.engine.letterhead import link_place
from mailroom.engine.mailbox_watch import MailboxWatch
from mailroom.engine.probing import Probing
from mailroom.engine.repeats.repeat_clock import RepeatClock
from mailroom.engine.send.batch_sender import BatchSender
from mailroom.engine.send.circuit_breaker import CircuitBreaker
from mailroom.engine.send.messages import CompiledMessages
from mailroom.engine.send.parking import Parking
from mailroom.engine.send.rate_limiter import RateLimiter
from mailroom.engine.send.relay import Relay, Relays
from mailroom.engine.send.session_pool import SessionNumbers, SessionPool
from mailroom.engine.sweeper import Sweeper
from mailroom.engine.webhooks.calling import Webhooks
from mailroom.ledger import migrate
from mailroom.queue import Queue
from mailroom.settings import Settings
from mailroom.smtp.own_name import own_full_name
from mailroom.smtp.server import servers_of
from mailroom.smtp.throttle import spacing_us

WORKER_BUSY_TIMEOUT_MS = 2_000
"""Milliseconds that a worker waits for SQLite's lock: it can try again, and must hear signals."""

T = TypeVar("T")


class WorkerProcess:
    """One worker process. `begin` and `end` are called once each, by its main thread."""

    def __init__(self, name: str, queue: Queue, settings: Settings) -> None:
        self.name = name
        self.queue = queue
        self.settings = settings
        self.database = Database(
            settings.database_url,
            durable=False,
            connections=settings.database_connections,
            busy_timeout=WORKER_BUSY_TIMEOUT_MS,
        )
        self.direct = self.database.direct()  # for what the event loop writes
        self.loop = new_event_loop()
        self.messages = CompiledMessages(link_place(settings), settings.mail_server)
        self.relays = _relays(settings, self.database, name)
        routes = {relay.name: relay.server.name for relay in self.relays}
        self.hold = HoldWatch(self.database, settings.hold)
        self.rules = FeedbackRules.of(settings)
        self.repeats = RepeatClock(settings.database_url, queue)
        self.sweeper = Sweeper(self.database, queue, name, routes, self.hold, self.rules, self.repeats)
        self.parking = Parking(self.database, name)
        self.probing = Probing(self.database, self.relays, self.hold)
        self.webhooks = Webhooks(self.database, queue, settings, self.hold)
        self.mailbox = MailboxWatch(self.database, settings)
        self.is_stopping = False
        self._sender: BatchSender | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        self.database.compose_statements()
        # Threads hand over to each other for every job and every statement: Python's 5 ms are too long.
        sys.setswitchinterval(0.0005)
        # Deliveries come and go by the hundred, and none of them refers to itself.
        gc.set_threshold(10_000)
        with suppress(SQLAlchemyError):  # then the sweeper asks until it is answered
            self.hold.look()
        self._thread = supervision.beside("the event loop", self._run_loop)
        self.sweeper.start()
        self.repeats.start()
        self.mailbox.start()
        beside: dict[str, Coroutine[Any, Any, None]] = {
            "tidying sessions": self._tidy(),
            "probing": self.probing.run(),
            "calling webhooks": self.webhooks.run(),
            "noting parked sessions": self.parking.run(),
        }
        self._beside = [self.run(coroutine) for coroutine in beside.values()]
        for who, task in zip(beside, self._beside, strict=True):
            supervision.may_not_die(who, task)

    def end(self) -> None:
        self.run(self.parking.ended()).result()
        for task in self._beside:
            task.cancel()
        self.run(self.webhooks.stop()).result(timeout=3)
        self.sweeper.stop()
        self.repeats.stop()
        self.mailbox.stop()
        self.run(self.relays.close_idle(older_than=0)).result(timeout=3)
        self.loop.call_soon_threadsafe(self.loop.stop)
        if self._thread is not None:
            self._thread.join(timeout=2)
        self.direct.end()
        self.database.dispose()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs it in the event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    @property
    def ledger(self) -> str | None:
        """Its name; None while it could not be asked yet."""
        return neighbours.ledger_of(self.database)

    def work_on(self, sender: BatchSender | None) -> None:
        """Notes what is under way, for whoever tells this process to stop."""
        self._sender = sender
        if sender is not None and self.is_stopping:
            self.request_stop()

    def request_stop(self) -> None:
        """From a signal handler: mails in flight end, the rest goes back, the job returns."""
        self.is_stopping = True
        if self._sender is not None:
            self.loop.call_soon_threadsafe(self._sender.stop)
        self.loop.call_soon_threadsafe(self.parking.stop)

    def stand_back(self) -> None:
        """Leaves the mail to other workers for a while, if a server has sessions for them only."""
        while time.monotonic() < self.relays.stand_back_until and not self.is_stopping:
            time.sleep(0.1)

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(supervision.of_a_loop)
        self.loop.run_forever()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(5)
            with supervision.attempt("tidying sessions"):
                await self.relays.close_idle()


def _relays(settings: Settings, database: Database, worker: str) -> Relays:
    """The mail server of the settings, and beside it whatever else they name."""
    servers = servers_of(settings, settings.helo or own_full_name())
    spacing, numbers = spacing_us(settings.rate) if settings.rate else None, SessionNumbers()
    return Relays(
        [
            Relay(
                name,
                server,
                SessionPool(server, database, worker, numbers, settings.connections),
                RateLimiter(database, server.name, spacing),
                CircuitBreaker(server.name),
                settings.backoff,
            )
            for name, server in servers.items()
        ]
    )


_process: WorkerProcess | None = None


def start(worker_name: str, queue: Queue) -> WorkerProcess:
    """Opens the ledger and begins to sweep. Raises SettingsError; ends where the ledger does not fit."""
    global _process
    settings = settings_module.load()
    log.configure(settings.log, settings.secrets)
    migrate.leave_if_misfit(settings.database_url)
    private_domains.allow(settings.private_domains)  # its own notices may go there
    _process = WorkerProcess(worker_name, queue, settings)
    _process.begin()
    return _process


def compose_statements() -> None:
    """Before workers are forked, for all of them."""
    database = Database(settings_module.load().database_url)
    database.compose_statements()
    database.dispose()


def leave_if_not_alone(queue: Queue) -> None:
    """Ends a worker that would take its jobs off the same queues as another Mailroom's."""
    settings = settings_module.load()
    database = Database(settings.database_url)
    try:
        neighbours.leave_if_any(database, queue)
    finally:
        database.dispose()


def ledger() -> str | None:
    """Whose deliveries are made here."""
    return _process.ledger if _process is not None else None


def stop() -> None:
    """Closes everything; harmless when nothing was started."""
    global _process
    if _process is not None:
        _process.end()
    _process = None


def request_stop() -> None:
    if _process is not None:
        _process.request_stop()


def is_held() -> bool:
    """Whether jobs are left where they are."""
    return _process is not None and _process.hold.is_on


def current() -> WorkerProcess:
    """Raises RuntimeError outside a worker."""
    if _process is None:
        raise RuntimeError("deliveries are made by a worker: start one with `python worker.py`")
    return _process
