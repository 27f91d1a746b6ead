"""Calling webhooks: in every worker process a few threads beside the mail, none while nothing is due.

A call is claimed in the ledger before it is made, and its answer noted after. A process
that dies in between leaves a call that is due again: at least once, with the same id.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import structlog
from sqlalchemy.exc import DBAPIError

from mailroom.content.signature import signed_headers
from mailroom.database.engine import Database
from mailroom.delivery.http import Answer, Client, Forbidden, Guard, NoAnswer
from mailroom.engine import webhook_notice
from mailroom.engine.webhook_payload import bodies_of
from mailroom.ledger import webhook_calls, webhook_endpoints
from mailroom.ledger.webhook_calls import Call, Result
from mailroom.ledger.webhook_endpoints import Endpoint
from mailroom.queue import Queue
from mailroom.settings import Settings

log = structlog.get_logger()

EVERY = 1.0
"""Seconds between looks at what is due."""

AT_ONCE = 20
"""Calls that are claimed together, and made one after the other over one connection."""

CLAIM_USED = 60.0
"""Seconds after which the rest of a claim is given back: well before it is over."""

THREADS = 12
GRACE = 1.0
"""Seconds that calls under way may still take once the process ends."""

LANES = 4
"""How many threads one endpoint may have in a process: a slow one must not have all."""

FORGETS_EVERY = 600.0
LONGEST_WAIT_MS = 3600 * 1000
ANSWER_SHOWN = 1_000

GONE = 410


class Webhooks:
    """The threads of one process. `start` and `stop` are called once each."""

    def __init__(self, database: Database, queue: Queue, settings: Settings) -> None:
        self._database = database
        self._queue = queue
        self._settings = settings
        self._guard = Guard(settings.webhook_hosts)
        self._stopped = threading.Event()
        self._lanes: Counter[int] = Counter()
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._forgot_at = time.monotonic()
        self._is_away = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begins no further call; one that is under way is due again if it is not over in time."""
        self._stopped.set()
        self._thread.join(timeout=2)
        deadline = time.monotonic() + GRACE
        while any(self._lanes.values()) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _run(self) -> None:
        while not self._stopped.wait(EVERY):
            try:
                self.round()
                self._is_away = False
            except DBAPIError as error:
                if not self._is_away:
                    log.warning("webhooks wait for the ledger", error=type(error.orig).__name__)
                self._is_away = True
            except Exception:
                log.exception("a round of webhooks failed; the next one tries again")

    def round(self) -> None:
        """Gives every endpoint that has something due a thread, unless it has its own already."""
        with self._database.read() as connection:
            busy = [endpoint_id for endpoint_id, lanes in self._lanes.items() if lanes]
            due = webhook_endpoints.to_be_called(connection, but=busy)
        for endpoint in due:
            self._open_lane(endpoint)
        if time.monotonic() - self._forgot_at >= FORGETS_EVERY:
            self._forgot_at = time.monotonic()
            with self._database.begin() as connection:
                webhook_calls.forget_old(connection)

    def _open_lane(self, endpoint: Endpoint) -> None:
        with self._changing:
            is_full = self._lanes[endpoint.id] >= LANES or self._lanes.total() >= THREADS
            if self._stopped.is_set() or is_full:
                return
            self._lanes[endpoint.id] += 1
        # Daemons: a process that ends must not wait for somebody's slow server.
        threading.Thread(target=self._lane, args=(endpoint,), name="webhook", daemon=True).start()

    def _lane(self, endpoint: Endpoint) -> None:
        try:
            self._call_all(endpoint)
        except DBAPIError as error:
            log.warning("webhooks wait for the ledger", error=type(error.orig).__name__)
        except Exception:
            if self._stopped.is_set():
                return  # the ledger was closed under a call that took too long
            log.exception("webhooks of an endpoint failed; they are tried again", endpoint=endpoint.id)
        finally:
            with self._changing:
                self._lanes[endpoint.id] -= 1

    def _call_all(self, endpoint: Endpoint) -> None:
        try:
            client = Client(endpoint.url, self._guard)
        except Forbidden as error:
            self._disable(endpoint, str(error))
            return
        try:
            while not self._stopped.is_set():
                with self._database.begin() as connection:
                    calls = webhook_calls.claim(connection, endpoint.id, AT_ONCE)
                if not calls or not self._make(client, endpoint, calls):
                    return
                if len(calls) < AT_ONCE:
                    return
                self._open_lane(endpoint)
        finally:
            client.close()

    def _make(self, client: Client, endpoint: Endpoint, calls: list[Call]) -> bool:
        """Makes these calls; False: the endpoint is to be left alone for now."""
        results: list[Result] = []
        for result in self._results(client, endpoint, calls):
            results.append(result)
            if _is_trouble(result):
                break
        trouble = next((result for result in results if _is_trouble(result)), None)
        with self._database.begin() as connection:
            for result in results:
                webhook_calls.record(connection, result)
            webhook_calls.release(connection, calls[len(results) :])
            given_up = False
            if trouble is not None:
                given_up = webhook_endpoints.failed(connection, endpoint.id, trouble.wait_ms)
            elif any(result.is_good for result in results):
                webhook_endpoints.worked(connection, endpoint.id)
        if trouble is not None and trouble.status == GONE:
            self._disable(endpoint, "It answered 410 Gone.")
        elif given_up:
            assert trouble is not None
            self._disable(endpoint, f"It failed for three days; the last time: {trouble.answer[:200]}")
        return trouble is None

    def _results(self, client: Client, endpoint: Endpoint, calls: list[Call]) -> Iterator[Result]:
        """Of each call in turn, until time is up or the process ends."""
        began = time.monotonic()
        with self._database.read() as connection:
            bodies = bodies_of(connection, calls)
        for call in calls:
            if self._stopped.is_set() or time.monotonic() - began > CLAIM_USED:
                return
            yield _made(client, endpoint, call, bodies[call.id])

    def _disable(self, endpoint: Endpoint, why: str) -> None:
        log.warning("a webhook endpoint is disabled", endpoint=endpoint.id, why=why)
        with self._database.begin() as connection:
            webhook_endpoints.disable(connection, endpoint.id, why)
        webhook_notice.send(self._database, self._queue, self._settings, endpoint, why)


def _made(client: Client, endpoint: Endpoint, call: Call, body: bytes | None) -> Result:
    if body is None:
        return Result(call, True, None, "What it told of is not in the ledger any more.", 0)
    headers = {"Content-Type": "application/json", "User-Agent": "Mailroom"}
    headers |= signed_headers(endpoint.secret, call.uid, int(time.time()), body)
    began = time.monotonic()
    try:
        answer = client.post(body, headers)
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
    return result.status is None or result.status in (GONE, 408, 425, 429) or result.status >= 500


def _shown(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return "It redirects elsewhere, which is not followed: set the address that it leads to."
    return answer.body[:ANSWER_SHOWN].decode("utf-8", "replace").replace("\0", "")


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
