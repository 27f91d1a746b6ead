from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event, select, text

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.engine.deliver import FEW, _Job
from mailroom.engine.send.messages import CompiledMessages
from mailroom.engine.send.relay import Relay
from mailroom.engine.worker_process import WorkerProcess
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.relays.circuit import Admission
from mailroom.ledger.schema import batches
from mailroom.queue import Queue
from mailroom.settings import load
from tests.ledger.book import CONTENT, Book

FILE = Attachment("menu.txt", "text/plain", b"Soup")


@pytest.fixture
def worker(settings_env: dict[str, str], queue: Queue) -> Iterator[WorkerProcess]:
    """It begins nothing by itself."""
    worker = WorkerProcess("ann", queue, load(settings_env))
    yield worker
    worker.database.dispose()
    worker.loop.close()


@pytest.fixture
def book(worker: WorkerProcess) -> Book:
    return Book(worker.database)


class Ready(_Job):
    def _deliver(self, lease: Lease, relay: Relay, admission: Admission) -> Lease | None:
        self.feed = self._sender(lease, relay, admission.is_trial).feed
        return None


def run(worker: WorkerProcess, book: Book) -> Ready:
    (batch,) = book.waiting()
    job = Ready(worker)
    job.run(batch.id, batch.epoch)
    return job


@pytest.mark.parametrize(("mails", "transactions"), [(1, 1), (FEW, 1), (FEW + 1, 2)])
def test_in_one_transaction(worker: WorkerProcess, book: Book, mails: int, transactions: int) -> None:
    book.accept(mails)
    (batch,) = book.waiting()
    begun: list[object] = []
    event.listen(worker.database.engine, "begin", begun.append)
    job = Ready(worker)
    job.run(batch.id, batch.epoch)
    assert len(begun) == transactions
    assert len(job.feed) == mails
    delivery = job.feed.next()
    assert delivery is not None
    assert b"Subject: Hello\r\n" in job.feed.messages[delivery.mailing_id].render(delivery)


def test_a_file_is_not_read_while_others_wait(
    worker: WorkerProcess, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.accept(1, Content(Address("post@mailroom.example"), "Hello", text="Hello.", attachments=(FILE,)))
    locked: list[bool] = []
    real = CompiledMessages.of

    def of(*given: object) -> object:
        locked.append(bool(worker.database.kept_open()._in_use.locked()))
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(CompiledMessages, "of", of)
    job = run(worker, book)
    delivery = job.feed.next()
    assert delivery is not None and locked == [False]
    assert b"menu.txt" in job.feed.messages[delivery.mailing_id].render(delivery)


def test_what_cannot_be_read_does_not_undo_that_it_was_taken(worker: WorkerProcess, book: Book) -> None:
    """Else it would be taken for ever, and those with it. So its lease runs out, and it is tried alone."""
    book.accept(1, CONTENT)
    with worker.database.begin() as connection:
        connection.execute(text("UPDATE deliveries SET variables = '{'"))
    with pytest.raises(ValueError):
        run(worker, book)
    with worker.database.read() as connection:
        assert connection.execute(select(batches.c.owner)).scalar_one() == "ann"
