"""Somebody waits for it, and in a round trip nothing else is done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.database.engine import Database
from mailroom.engine import deliver
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.relay import Relay
from mailroom.engine.worker_process import WorkerProcess
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.relays.circuit import Admission
from mailroom.queue import Queue
from mailroom.settings import load
from tests.ledger.book import Book
from tests.way import Way, way_to

ANN = Address("p0@mail.example")
FILE = Attachment("menu.txt", "text/plain", b"Soup")

UNTIL_WARM = 6
"""Mails. What is run for the first times is told to the server first."""


@pytest.fixture
def far(postgres_url: str) -> Iterator[tuple[Way, str]]:
    with way_to(postgres_url) as found:
        yield found


@pytest.fixture
def worker(settings_env: dict[str, str], far: tuple[Way, str], queue: Queue) -> Iterator[WorkerProcess]:
    """It begins nothing by itself."""
    worker = WorkerProcess("ann", queue, load({**settings_env, "DATABASE_URL": far[1]}))
    yield worker
    worker.database.dispose()
    worker.loop.close()


@pytest.fixture
def book(postgres_url: str) -> Iterator[Book]:
    database = Database(postgres_url)
    yield Book(database)
    database.dispose()


class Prepared(deliver._Job):
    """A job, up to the moment when it could announce its mail to the server."""

    feed: Feed

    def _deliver(self, lease: Lease, relay: Relay, admission: Admission) -> Lease | None:
        assert admission.is_open
        self.feed = self._sender(lease, relay, admission.is_trial).feed
        return None


def trips_of(worker: WorkerProcess, way: Way, book: Book, content: Content) -> int:
    """Of the one of some that waits least: whoever is held up between two words seems to wait more often."""
    found = list[int]()
    for _ in range(UNTIL_WARM):
        mailing_id = book.accept([ANN.address], content)
        (batch,) = book.waiting()
        job, before = Prepared(worker), way.round_trips
        job.run(batch.id, batch.epoch)
        found.append(way.round_trips - before)
        delivery = job.feed.next()
        assert delivery is not None and delivery.mailing_id == mailing_id
        whole = job.feed.messages[mailing_id].render(delivery)
        assert b"Subject: Hello\r\n" in whole and b"To: p0@mail.example\r\n" in whole
        assert (b"menu.txt" in whole) is bool(content.attachments)
    return min(found)


def test_of_one_that_names_its_recipients(worker: WorkerProcess, far: tuple[Way, str], book: Book) -> None:
    content = Content(ANN, "Hello", text="Hello", kind="shared", to=(ANN,))
    trips = trips_of(worker, far[0], book, content)
    assert trips == 4, "it is taken, and read; what it says; and, with the commit, whom it shows"


def test_of_one_with_a_file(worker: WorkerProcess, far: tuple[Way, str], book: Book) -> None:
    content = Content(ANN, "Hello", text="Hello", kind="shared", to=(ANN,), attachments=(FILE,))
    assert trips_of(worker, far[0], book, content) <= 9
