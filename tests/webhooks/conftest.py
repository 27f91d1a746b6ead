"""receiver, and webhooks(): what a worker process does about them, run by hand on a ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from mailroom.database import Database
from mailroom.engine.webhooks import Webhooks
from mailroom.ledger import webhook_endpoints
from mailroom.ledger.webhooks import EVENTS
from mailroom.queue import Queue
from mailroom.settings import Settings
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
def webhooks(database: Database, settings: Settings) -> Iterator[Webhooks]:
    queue = Queue(settings.redis_url)
    allowed = settings.model_copy(update={"webhook_hosts": ("127.0.0.1", "localhost")})
    found = Webhooks(database, queue, allowed)
    yield found
    found._stopped.set()
    queue.close()
