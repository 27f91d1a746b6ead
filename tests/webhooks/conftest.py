"""receiver, failed(): a mailing, webhooks: what a worker does about them, run by hand on a ledger."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select, update

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Accepted, Submission
from mailroom.engine.webhooks.calling import Webhooks
from mailroom.ledger.schema import deliveries
from mailroom.ledger.webhooks import webhook_endpoints
from mailroom.ledger.webhooks import webhook_events as events
from mailroom.ledger.webhooks.webhook_events import EVENTS
from mailroom.queue import Queue
from mailroom.settings import Settings
from tests.servers import Valkey, wait_until
from tests.webhooks.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def add(database: Database) -> Callable[..., int]:
    """An endpoint, told of everything by default; its id."""

    def add(url: str, *events: str) -> int:
        with database.begin() as connection:
            return webhook_endpoints.add(connection, url, events or EVENTS)

    return add


@pytest.fixture
def failed(database: Database, valkey: Valkey) -> Callable[..., Accepted]:
    """A mailing whose mails failed just now."""

    def failed(count: int = 1, subject: str = "Hello {{ name }}") -> Accepted:
        content = Content(Address("post@mailroom.example", "Post"), subject, text="Hi")
        people = [Recipient(f"p{number}@mail.example", f"P{number}") for number in range(count)]
        queue = Queue(valkey.url)
        accepted = accept(database, queue, Submission(content, people, tags=[("order", "7")]))
        with database.begin() as connection:
            ids = list(connection.execute(select(deliveries.c.id)).scalars())
            of = deliveries.c.mailing_id == accepted.mailing_id
            connection.execute(
                update(deliveries)
                .where(of)
                .values(state="failed", trouble="failed", troubled_at=1, code=550, reply="no such user")
            )
            events.note(connection, ids)
        return accepted

    return failed


class Caller:
    """Webhooks in an event loop of a thread, as in a worker, but one round at a time."""

    def __init__(self, database: Database, queue: Queue, settings: Settings) -> None:
        self.loop = asyncio.new_event_loop()
        self.queue = queue
        self.settings = settings
        self.webhooks = Webhooks(database, queue, settings)
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def round(self) -> None:
        asyncio.run_coroutine_threadsafe(self.webhooks.round(), self.loop).result(timeout=20)

    def settle(self) -> None:
        """A round, and all calls that come of it."""
        self.round()
        wait_until(lambda: not self.webhooks.is_calling, 20, "the end of all lanes")

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.webhooks.stop(), self.loop).result(timeout=5)
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def webhooks(database: Database, settings: Settings) -> Iterator[Caller]:
    queue = Queue(settings.redis_url)
    allowed = settings.model_copy(update={"webhook_hosts": ("127.0.0.1", "localhost")})
    caller = Caller(database, queue, allowed)
    yield caller
    caller.stop()
    queue.close()
