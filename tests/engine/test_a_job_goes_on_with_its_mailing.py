"""A bulk job sends its mailing's next batches too, unless another mailing waits for a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from mailroom.engine import deliver, worker_process
from mailroom.engine.send import growth
from mailroom.engine.send.batch_sender import BatchSender
from mailroom.ledger import holding
from mailroom.ledger.batches import gather, turns
from mailroom.ledger.batches import growth as ledger_growth
from mailroom.ledger.batches.batches import claim, close, forgotten
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.states import State
from mailroom.ledger.sweep import rounds
from mailroom.queue import BULK
from tests.engine.conftest import a_worker
from tests.servers import wait_until
from tests.system import System

READY = gather.READY * gather.SIZE


@pytest.fixture
def system(
    start: Callable[..., System], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> System:
    """Whose worker is this process; its turn does not end, and nobody sweeps, while the machine is slow."""
    system = start(*getattr(request, "param", ()))
    for name, value in system.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(deliver, "BULK_SLICE", 60.0)
    monkeypatch.setattr(rounds, "take", lambda *_: None)
    return system


def run_first_job(system: System) -> None:
    with system.database.read() as connection:
        first = connection.execute(select(func.min(batches.c.id))).scalar_one()
    deliver.deliver_batch(first, 0)


def sent_by_batch(system: System) -> list[int]:
    """How many mails, smallest first."""
    sent = select(func.count()).where(deliveries.c.state == State.SENT).group_by(deliveries.c.batch_id)
    with system.database.read() as connection:
        return sorted(connection.execute(sent).scalars())


def test_it_takes_the_next_batches_without_another_job(system: System) -> None:
    mailing = system.accept(READY + 250)
    with a_worker(system):
        run_first_job(system)
    assert system.counted(mailing.mailing_id)["sent"] == 350
    assert system.sink.count() == 350
    with system.database.read() as connection:
        assert gather.unclaimed(connection, BULK) == gather.READY - 1, "the others' jobs wait still"


def test_it_takes_as_many_as_it_sends_in_a_while(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "LARGE_BATCH_TAKES", 60.0)  # so fast is any machine
    monkeypatch.setattr(growth, "FETCHED_BEFORE", 60.0)  # more comes as long as there is room
    asked, due_of = list[int](), gather.due_of

    def noted(connection: Connection, mailing_id: int, size: int, most: int) -> Any:
        asked.append(size * most)
        return due_of(connection, mailing_id, size, most)

    system.accept(READY + 1_150)
    monkeypatch.setattr(gather, "due_of", noted)
    with a_worker(system):
        run_first_job(system)
    sizes = sent_by_batch(system)
    assert sum(sizes) == 1_250
    if system.database.is_sqlite:
        assert max(sizes) == ledger_growth.GROWN_SIZE, "more came while it was sent"
        assert max(asked) == gather.SIZE, "not at once: others wait for the lock"
    else:
        assert sizes[-1] >= 500, "more came while it was sent, or in the next one"


@pytest.mark.parametrize("is_stopped", [False, True])
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # there the loop goes on meanwhile
def test_what_comes_while_a_batch_is_sent_is_sent_with_it_or_goes_back(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, system: System, is_stopped: bool
) -> None:
    monkeypatch.setattr(growth, "FETCHED_BEFORE", 60.0)  # at once
    grow, asked_before = ledger_growth.grow, list[object]()

    def slowly(*asked: Any, **chosen: Any) -> Any:
        if asked_before:
            return None
        asked_before.append(asked)
        came = grow(*asked, **chosen)
        wait_until(lambda: system.sink.count() == 100, 20, "the mails that it had")
        if is_stopped:
            worker_process.request_stop()
        return came

    monkeypatch.setattr(ledger_growth, "grow", slowly)
    monkeypatch.setattr(ledger_growth, "take_over", lambda *_, **__: None)
    mailing = system.accept(READY + 50)
    with a_worker(system):
        run_first_job(system)
    if not is_stopped:
        assert system.counted(mailing.mailing_id) == {"queued": READY - 100, "sent": 150}
        assert sent_by_batch(system) == [150]
        return
    assert system.counted(mailing.mailing_id) == {"queued": READY - 50, "sent": 100}
    with system.database.read() as connection:
        is_due = select(func.count()).where(deliveries.c.due_at.is_not(None))
        assert connection.execute(is_due).scalar_one() == 50


def test_what_comes_as_the_last_session_ends_is_sent_with_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "FETCHED_BEFORE", 60.0)  # at once
    monkeypatch.setattr(ledger_growth, "take_over", lambda *_, **__: None)
    fetch, senders = growth.Growth._fetch, set[BatchSender]()

    async def as_late_as_can_be(fetching: growth.Growth, most: int) -> None:
        (sender,) = senders
        while not all(lane.is_over for lane in sender._lanes.running.values()):
            await asyncio.sleep(0)
        await fetch(fetching, most)

    def noted(sender: BatchSender) -> Any:
        senders.add(sender)
        return run(sender)

    run = BatchSender.run
    monkeypatch.setattr(BatchSender, "run", noted)
    monkeypatch.setattr(growth.Growth, "_fetch", as_late_as_can_be)
    system.accept(READY + 250, max_sessions=1)
    with a_worker(system):
        run_first_job(system)
    assert sent_by_batch(system) == [350]


@pytest.mark.parametrize("system", [["rcpt gone*: reply rcpt 550 5.1.1 No such user"]], indirect=True)
def test_after_one_in_which_mails_failed_it_takes_no_more_than_others_may(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the mailing goes on is asked when a batch ends."""
    monkeypatch.setattr(growth, "LARGE_BATCH_TAKES", 60.0)
    addresses = [f"ann{number}@mail.example" for number in range(READY + 650)]
    for place in (7, READY + 7):
        addresses[place] = f"gone{place}@mail.example"
    mailing = system.accept(addresses)
    monkeypatch.setattr(growth, "FETCHED_BEFORE", 0.0)  # all of it has its outcome by then
    with a_worker(system):
        run_first_job(system)
    sizes = sent_by_batch(system)
    assert system.counted(mailing.mailing_id)["failed"] == 2
    assert sizes.count(99) == 2, "those in which somebody failed"
    assert sum(sizes) == 748


def test_one_that_takes_its_time_takes_no_more_than_others_may(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "LARGE_BATCH_TAKES", 0.0)
    monkeypatch.setattr(growth, "FETCHED_BEFORE", -1.0)  # never
    system.accept(READY + 250)
    with a_worker(system):
        run_first_job(system)
    assert max(sent_by_batch(system)) == gather.SIZE


def test_while_sending_is_held_it_claims_no_further_batch(system: System) -> None:
    mailing = system.accept(READY + 250)
    with system.database.begin() as connection:
        first = connection.execute(select(func.min(batches.c.id))).scalar_one()
        lease = claim(connection, first, 0, "ann")
        assert lease is not None
        holding.hold(connection, "somebody asked for it")
    with system.database.begin() as connection:
        assert close(connection, lease)
        following, _ = gather.next_of(connection, lease, [mailing.mailing_id])
        assert following is not None
        turns.note(connection, following.batch.id, first)
    assert following.lease() is None
    with system.database.read() as connection:
        assert turns.of_job(connection, first).batches == 1


def test_what_it_may_not_claim_as_sending_is_held_meanwhile_is_enqueued(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_of = gather.next_of

    def held(connection: Connection, *asked: Any) -> Any:
        holding.hold(connection, "somebody asked for it")
        return next_of(connection, *asked)

    monkeypatch.setattr(gather, "next_of", held)
    monkeypatch.setattr(growth, "FETCHED_BEFORE", -1.0)  # never
    mailing = system.accept(READY + 250)
    with a_worker(system):
        run_first_job(system)
    assert system.counted(mailing.mailing_id)["sent"] == 100
    with system.database.read() as connection:
        unclaimed = [(batch.id, batch.epoch) for batch in forgotten(connection, after_ms=-60_000)]
    assert len(unclaimed) == gather.READY, "one is new"
    assert system.queue.missing(unclaimed) == []


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
