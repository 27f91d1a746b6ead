"""Calling webhooks: in every worker process a few calls at once, in the event loop that sends the mail.

A call is claimed in the ledger before it is made, and its answer noted after. A process
that dies in between leaves a call that is due again: at least once, with the same id.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import structlog

from mailroom import supervision
from mailroom.content.links.signature import signed_headers
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.hold import HoldWatch
from mailroom.engine.webhooks import many_calls, notice
from mailroom.engine.webhooks.payload import bodies_of
from mailroom.http.answer import HttpAnswer, NoAnswer
from mailroom.http.aside import aside
from mailroom.http.client import Client
from mailroom.http.guard import Forbidden, Guard
from mailroom.ledger.webhooks import webhook_calls, webhook_endpoints
from mailroom.ledger.webhooks.webhook_calls import Call, Result
from mailroom.ledger.webhooks.webhook_endpoints import Endpoint
from mailroom.queue import Queue
from mailroom.settings import Settings

T = TypeVar("T")

log = structlog.get_logger()

DUE_CALLS_LOOKED_AT_EVERY = 1.0
"""Seconds between looks at what is due."""

CALLS_AT_ONCE = 20
"""Calls that are claimed together, and made one after the other over one connection."""

CLAIM_USED = 60.0
"""Seconds after which the rest of a claim is given back: well before it is over."""

LANES = 12
LANES_OF_ONE = 4
"""How many connections one endpoint may have in a process: a slow one must not have all."""

WEBHOOK_STOP_SECONDS = 1.0
"""Seconds that calls under way may still take once the process ends."""

FORGETS_EVERY = 600.0
LONGEST_WAIT_MS = 3600 * 1000
ANSWER_SHOWN = 1_000

HTTP_GONE = 410

Claim = list[tuple[Call, bytes | None]]
"""Calls with what they say; None: it is not in the ledger any more."""


class Webhooks:
    """One process's part. Belongs to its event loop."""

    def __init__(
        self, database: Database, queue: Queue, settings: Settings, hold: HoldWatch | None = None
    ) -> None:
        self._hold = hold
        self._database = database
        self._queue = queue
        self._settings = settings
        self._guard = Guard(settings.webhook_hosts)
        self._lanes: Counter[int] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._is_stopped = False
        self._forgot_at = time.monotonic()

    @property
    def is_calling(self) -> bool:
        return bool(self._tasks)

    async def run(self) -> None:
        """Until it is canceled."""
        while True:
            await asyncio.sleep(DUE_CALLS_LOOKED_AT_EVERY)
            with supervision.attempt("calling webhooks", *LEDGER_AWAY):
                if self._hold is None or not self._hold.is_on:
                    await self.round()

    async def stop(self) -> None:
        """Begins no further call; one that is under way is due again if it is not over in time."""
        self._is_stopped = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=WEBHOOK_STOP_SECONDS)
        for task in self._tasks:
            task.cancel()

    async def round(self) -> None:
        """Gives every endpoint that has something due a lane, unless it has its own already."""
        busy = [endpoint_id for endpoint_id, lanes in self._lanes.items() if lanes]
        for endpoint in await self._in_ledger(lambda: self._due(busy)):
            self._open_lane(endpoint)
        if time.monotonic() - self._forgot_at >= FORGETS_EVERY:
            self._forgot_at = time.monotonic()
            await self._in_ledger(self._forget_old)

    async def _in_ledger(self, act: Callable[[], T]) -> T:
        """Beside the event loop, for the ledger may let it wait; in one thread at most."""
        async with self._turn:
            return await aside(act)

    def _due(self, busy: list[int]) -> list[Endpoint]:
        with self._database.read() as connection:
            return webhook_endpoints.to_be_called(connection, but=busy)

    def _forget_old(self) -> None:
        with self._database.begin() as connection:
            webhook_calls.forget_old(connection)

    def _open_lane(self, endpoint: Endpoint) -> None:
        is_full = self._lanes[endpoint.id] >= LANES_OF_ONE or self._lanes.total() >= LANES
        if self._is_stopped or is_full:
            return
        self._lanes[endpoint.id] += 1
        task = asyncio.create_task(self._lane(endpoint))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _lane(self, endpoint: Endpoint) -> None:
        try:
            with supervision.attempt(f"calling webhook endpoint {endpoint.id}", *LEDGER_AWAY):
                await self._call_all(endpoint)
        finally:
            self._lanes[endpoint.id] -= 1

    async def _call_all(self, endpoint: Endpoint) -> None:
        try:
            client = Client(endpoint.url, self._guard)
        except Forbidden as error:
            why = str(error)
            await self._in_ledger(lambda: self._disable(endpoint, why))
            return
        try:
            while not self._is_stopped:
                claim = await self._in_ledger(lambda: self._claim(endpoint))
                if not claim or not await self._make(client, endpoint, claim) or len(claim) < CALLS_AT_ONCE:
                    return
                self._open_lane(endpoint)
        finally:
            await client.close()

    def _claim(self, endpoint: Endpoint) -> Claim:
        with self._database.begin() as connection:
            calls = webhook_calls.claim(connection, endpoint.id, CALLS_AT_ONCE)
        with self._database.read() as connection:
            bodies = bodies_of(connection, calls)
        return [(call, bodies[call.id]) for call in calls]

    async def _make(self, client: Client, endpoint: Endpoint, claim: Claim) -> bool:
        """Makes these calls; False: the endpoint is to be left alone for now."""
        results: list[Result] = []
        async for result in self._results(client, endpoint, claim):
            results.append(result)
            if _is_trouble(result):
                break
        rest = [call for call, _ in claim[len(results) :]]
        return await self._in_ledger(lambda: self._record(endpoint, results, rest))

    async def _results(self, client: Client, endpoint: Endpoint, claim: Claim) -> AsyncIterator[Result]:
        """Of each call in turn, until time is up or the process ends."""
        began = time.monotonic()
        for call, body in claim:
            if self._is_stopped or time.monotonic() - began > CLAIM_USED:
                return
            yield await _made(client, endpoint, call, body)

    def _record(self, endpoint: Endpoint, results: list[Result], rest: list[Call]) -> bool:
        """Notes what came of them, and gives back the rest. As _make() returns."""
        trouble = next((result for result in results if _is_trouble(result)), None)
        with self._database.begin() as connection:
            for result in results:
                webhook_calls.record(connection, result)
            webhook_calls.release(connection, rest)
            given_up = False
            if trouble is not None:
                given_up = webhook_endpoints.failed(connection, endpoint.id, trouble.wait_ms)
            elif any(result.is_good for result in results):
                webhook_endpoints.worked(connection, endpoint.id)
        if trouble is not None and trouble.status == HTTP_GONE:
            self._disable(endpoint, "It answered 410 Gone.")
        elif given_up:
            assert trouble is not None
            self._disable(endpoint, f"It failed for three days; the last time: {trouble.answer[:200]}")
        return trouble is None

    def _disable(self, endpoint: Endpoint, why: str) -> None:
        log.warning("a webhook endpoint is disabled", endpoint=endpoint.id, why=why)
        many_calls.disable(self._database, endpoint.id, why)
        notice.send(self._database, self._queue, self._settings, endpoint, why)


async def _made(client: Client, endpoint: Endpoint, call: Call, body: bytes | None) -> Result:
    if body is None:
        return Result(call, True, None, "What it told of is not in the ledger any more.", 0)
    headers = {"Content-Type": "application/json", "User-Agent": "Mailroom"}
    headers |= signed_headers(endpoint.secret, call.uid, int(time.time()), body)
    began = time.monotonic()
    try:
        answer = await client.post(body, headers)
    except (NoAnswer, Forbidden) as error:
        return Result(call, False, None, str(error), _since(began))
    return Result(
        call,
        200 <= answer.status < 300,
        answer.status,
        _shown(answer),
        _since(began),
        min(round((answer.retry_after or 0) * 1000), LONGEST_WAIT_MS),
    )


def _is_trouble(result: Result) -> bool:
    """Whether it speaks of the endpoint rather than of this one call."""
    if result.is_good:
        return False
    return result.status is None or result.status in (HTTP_GONE, 408, 425, 429) or result.status >= 500


def _shown(answer: HttpAnswer) -> str:
    if 300 <= answer.status < 400:
        return "It redirects elsewhere, which is not followed: set the address that it leads to."
    return answer.body[:ANSWER_SHOWN].decode("utf-8", "replace").replace("\0", "")


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
