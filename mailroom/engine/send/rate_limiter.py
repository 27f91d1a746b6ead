"""Rate limiter (GCRA): when this worker's next mail may leave, by the schedule in the ledger.

A turn is the leave to begin one mail; turns are taken out of that schedule, some at a time.
Without a rate nothing here touches the database, and no mail waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.send.outage import LEDGER_RETRY
from mailroom.http.aside import aside
from mailroom.ledger.relays import rates
from mailroom.ledger.relays.rates import Places
from mailroom.smtp.reply import Reply
from mailroom.smtp.throttle import asks_to_slow_down

log = structlog.get_logger()

RESERVED_US = 20_000
"""At a high rate as many places are taken at once as pass in this time: a write for each
mail would be slower than the rate."""

STALE_TURN = 0.05
"""Seconds after which a place that was not used is lost: who was held up must not catch up in a burst."""

SPEED_MEASURED_OVER = 10.0
"""Seconds of answers from which this worker's own speed is told."""

FEW_ANSWERS = 5
GUESSED_SPEED = 20.0
"""Mails a second that a worker is taken to send when there were fewer answers than FEW_ANSWERS."""

LOOKED_AT_EVERY = 0.5
"""Seconds between two looks whether a turn that is waited for is still the next one."""

SPEEDS_UP_EVERY = 1.0
"""Seconds between two questions to the ledger whether a higher rate may be tried."""


class RateLimiter:
    """The turns of one worker process with one server. Belongs to one event loop."""

    def __init__(self, database: Database, server: str, set_us: int | None) -> None:
        self._database = database
        self._server = server
        self._set_us = set_us
        self._interval_us = set_us
        self._mine: deque[float] = deque()  # when each place that was taken comes, by the monotonic clock
        self._places: Places | None = None
        self._number = 0
        self._queue = asyncio.Lock()
        self._answers: deque[float] = deque(maxlen=1_000)
        self._asked_at = 0.0
        self._told: set[asyncio.Task[None]] = set()
        self._is_set = False

    @property
    def is_limited(self) -> bool:
        return self._interval_us is not None

    @property
    def is_slow(self) -> bool:
        """Whether a write for each mail is nothing beside its wait."""
        return self._interval_us is not None and self._interval_us > RESERVED_US

    @property
    def is_awaited(self) -> bool:
        """Whether more sessions would only wait as well."""
        return self._queue.locked()

    def set(self, connection: Connection) -> None:
        """Tells the ledger the rate of the settings, once in a process."""
        if not self._is_set:
            rates.set_rate(connection, self._server, self._set_us)
            self._is_set = True

    def look(self, connection: Connection) -> None:
        """Learns the present rate: another worker may have been asked to slow down."""
        self.look_later(connection)()

    def look_later(self, connection: Connection) -> Callable[[], None]:
        """The same, once what it returns is called."""
        found = rates.interval_later(connection, self._server)
        return lambda: self._note(found() or self._set_us)

    def _note(self, interval_us: int | None) -> None:
        """Turns that were taken at a lower rate are not waited for: sooner ones may be had."""
        if self._interval_us is not None and (interval_us or 0) < self._interval_us:
            self._mine.clear()
        self._interval_us = interval_us

    def take_now(self) -> bool:
        """A turn that has come already, if there is one."""
        self._drop_stale()
        if self._mine and self._mine[0] <= time.monotonic():
            self._mine.popleft()
            return True
        return False

    async def wait(self, until: float, ending: asyncio.Event) -> bool:
        """Waits for a turn. False: there is none before `until` (monotonic), or `ending` was set."""
        async with self._queue:
            while not ending.is_set():
                if self.take_now():
                    return True
                if not self._mine and not await self._reserve(until):
                    return False
                try:
                    wait = min(LOOKED_AT_EVERY, max(0.0, self._mine[0] - time.monotonic()))
                    await asyncio.wait_for(ending.wait(), wait)
                except TimeoutError:
                    continue
        return False

    def _drop_stale(self) -> None:
        late = time.monotonic() - max(STALE_TURN, (self._interval_us or 0) / 1_000_000)
        while self._mine and self._mine[0] < late:
            self._mine.popleft()

    async def _reserve(self, until: float) -> bool:
        """Takes the next places; False: there is none before `until`."""
        within_ms = round((until - time.monotonic()) * 1000)
        if within_ms <= 0:
            return False
        self._number = max(1, RESERVED_US // (self._interval_us or 1))
        try:
            places, is_gone = await aside(partial(self._take_places, self._number, within_ms))
        except LEDGER_AWAY:
            await asyncio.sleep(LEDGER_RETRY)
            self._mine.append(float("-inf"))  # stale at once: asked for again
            return True
        now = time.monotonic()
        if places is None:
            if is_gone:  # nobody limits us any more
                self._interval_us = None
                self._mine.append(now)
            return is_gone
        self._places, self._interval_us = places, places.interval_us
        first, step = now + places.wait_us / 1_000_000, places.interval_us / 1_000_000
        self._mine.extend(first + number * step for number in range(self._number))
        return True

    def _take_places(self, number: int, within_ms: int) -> tuple[Places | None, bool]:
        """And whether nobody limits us any more."""
        with self._database.begin() as connection:
            places = rates.reserve(connection, self._server, number, within_ms)
            is_gone = places is None and rates.interval_us(connection, self._server) is None
            if is_gone and self._set_us is not None:
                rates.set_rate(connection, self._server, self._set_us)
                places = rates.reserve(connection, self._server, number, within_ms)
        return places, is_gone

    def put_back(self) -> None:
        """A turn that came and was not used is the next one's."""
        self._mine.appendleft(time.monotonic())

    def give_back(self) -> None:
        """Returns the turns that were taken and not used."""
        self._return_unused()()

    def _return_unused(self) -> Callable[[], None]:
        """Takes them away from here; the ledger has them once what it returns is called."""
        unused, self._mine = len(self._mine), deque()
        if not unused or self._places is None:
            return lambda: None
        places, self._places = self._places, None
        return partial(self._write_unused, places, self._number, unused)

    def _write_unused(self, places: Places, number: int, unused: int) -> None:
        try:
            with self._database.begin() as connection:
                rates.give_back(connection, self._server, places, number, unused)
        except LEDGER_AWAY:
            log.info("turns were lost: the ledger is away", server=self._server)

    def answered(self, now: float) -> None:
        """A mail was taken at this moment (monotonic): perhaps it is time for a higher rate."""
        self._answers.append(now)
        if self._interval_us in (None, self._set_us) or now - self._asked_at < SPEEDS_UP_EVERY:
            return
        self._asked_at = now
        self._beside(self._speed_up())

    async def _speed_up(self) -> None:
        with suppress(*LEDGER_AWAY):
            self._note(await aside(self._write_higher_rate))

    def _write_higher_rate(self) -> int | None:
        with self._database.begin() as connection:
            return rates.speed_up(connection, self._server, self._set_us)

    def refused(self, reply: Reply | None) -> None:
        """A mail was put off: perhaps because we are too fast."""
        self._answers.append(time.monotonic())
        if reply is not None and asks_to_slow_down(reply):
            self._beside(self._slow_down(self._per_second()))

    async def _slow_down(self, per_second: float) -> None:
        try:
            is_news, look = await aside(partial(self._write_lower_rate, per_second))
        except LEDGER_AWAY:
            return
        look()
        if is_news and self._interval_us:
            await aside(self._return_unused())
            rate = rates.Present(self._server, self._interval_us, True)
            log.warning("the server asked us to slow down", server=self._server, rate=str(rate))

    def _write_lower_rate(self, per_second: float) -> tuple[bool, Callable[[], None]]:
        with self._database.begin() as connection:
            is_news = rates.slow_down(connection, self._server, per_second)
            return is_news, self.look_later(connection)

    def _beside(self, telling: Coroutine[Any, Any, None]) -> None:
        """What is told to the ledger keeps no session waiting."""
        task = asyncio.get_running_loop().create_task(telling)
        self._told.add(task)
        task.add_done_callback(self._told.discard)
        supervision.isolated("the rate limiter", task)

    def _per_second(self) -> float:
        """How many mails a second this worker handed over lately."""
        now = time.monotonic()
        recent = [moment for moment in self._answers if now - moment <= SPEED_MEASURED_OVER]
        if len(recent) < FEW_ANSWERS:
            return GUESSED_SPEED
        return len(recent) / max(0.05, now - recent[0])
