"""A bulk job sends its mailing's next batches too, unless another mailing waits for a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from mailroom.engine import deliver, worker_process
from mailroom.ledger.batches import gather
from mailroom.ledger.schema import batches
from mailroom.ledger.sweep import rounds
from mailroom.queue import BULK, Queue
from tests.system import System

READY = gather.READY * gather.SIZE


@pytest.fixture
def system(start: Callable[..., System], monkeypatch: pytest.MonkeyPatch) -> System:
    """Whose worker is this process; its turn does not end, and nobody sweeps, while the machine is slow."""
    system = start()
    for name, value in system.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(deliver, "BULK_SLICE", 60.0)
    monkeypatch.setattr(rounds, "take", lambda *_: False)
    return system


@contextmanager
def a_worker(system: System) -> Iterator[None]:
    queue = Queue(system.environment["REDIS_URL"])
    worker_process.start("ann", queue)
    try:
        yield
    finally:
        worker_process.stop()
        queue.close()


def run_first_job(system: System) -> None:
    with system.database.read() as connection:
        first = connection.execute(select(func.min(batches.c.id))).scalar_one()
    deliver.deliver_batch(first, 0)


def test_it_takes_the_next_batches_without_another_job(system: System) -> None:
    mailing = system.accept(READY + 250)
    with a_worker(system):
        run_first_job(system)
    assert system.counted(mailing.mailing_id)["sent"] == 350
    assert system.sink.count() == 350
    with system.database.read() as connection:
        assert gather.unclaimed(connection, BULK) == gather.READY - 1, "the others' jobs wait still"


def test_while_another_mailing_waits_it_does_not(system: System) -> None:
    large, other = system.accept(READY + 250), system.accept(150)
    with a_worker(system):
        run_first_job(system)
    assert system.counted(large.mailing_id)["sent"] == 100
    assert system.counted(other.mailing_id) == {"queued": 150}


def test_when_its_turn_is_over_it_does_not(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "BULK_SLICE", 0.0)
    mailing = system.accept(READY + 250)
    with a_worker(system):
        run_first_job(system)
    assert system.counted(mailing.mailing_id)["sent"] == 100
