from __future__ import annotations

import os
import signal
import time

import pytest

from mailroom.ledger.states import State
from tests.control.conftest import Start, on_both
from tests.system import System


def stop(system: System, times: int = 1) -> float:
    """Signals the pool; the seconds that it then took to end."""
    (pool,) = system.pools
    began = time.monotonic()
    for number in range(times):
        if number:
            time.sleep(0.7)  # a second signal within half a second is the first one's echo
        os.kill(pool.pid, signal.SIGTERM)
    pool.wait(20)
    return time.monotonic() - began


def live_batches(system: System) -> int:
    with system.database.read() as connection:
        return int(
            connection.exec_driver_sql("SELECT count(*) FROM batches WHERE owner IS NOT NULL").scalar_one()
        )


def copies(system: System) -> list[str]:
    return [message.recipient for message in system.sink.messages()]


@on_both
def test_mails_in_flight_end_and_the_rest_goes_back_at_once(start: Start) -> None:
    system = start("any: delay dot 2")
    system.start_workers(2)
    mailing = system.accept(250)
    system.wait(lambda: system.counts(mailing.mailing_id).get("sending", 0) >= 10)
    assert stop(system) < 10
    assert live_batches(system) == 0, "handed back, not left to its lease"
    counts = system.counts(mailing.mailing_id)
    assert counts == {"sent": len(copies(system)), "queued": 250 - len(copies(system))}
    system.sink.set_rules([])
    system.start_workers(2)
    assert system.wait_until_over(mailing.mailing_id).counts[State.SENT] == 250
    assert len(copies(system)) == len(set(copies(system))) == 250


@pytest.mark.parametrize("stage", ["connect", "mail"])
def test_a_server_that_says_nothing_holds_up_no_stop(start: Start, stage: str) -> None:
    system = start(f"any: stall {stage}")
    system.start_workers(1)
    mailing = system.accept(30)
    system.wait(lambda: live_batches(system))
    time.sleep(0.5)
    assert stop(system) < 10
    assert live_batches(system) == 0
    assert system.counts(mailing.mailing_id) == {"queued": 30}


def test_a_second_signal_ends_it_at_once_and_still_nothing_is_lost(start: Start) -> None:
    system = start("any: delay dot 5")
    system.start_workers(1)
    mailing = system.accept(12)
    system.wait(lambda: system.counts(mailing.mailing_id).get("sending", 0) >= 5)
    assert stop(system, times=2) < 3
    assert system.counts(mailing.mailing_id)["sending"] >= 5, "nobody had the time to note more"
    system.sink.set_rules([])
    with system.database.begin() as connection:
        connection.exec_driver_sql("UPDATE batches SET lease_until = 1 WHERE owner IS NOT NULL")
    system.start_workers(1)
    assert system.wait_until_over(mailing.mailing_id, 40).counts[State.SENT] == 12
    assert set(copies(system)) == {f"person{number}@mail.example" for number in range(12)}


def test_a_worker_that_waits_for_its_turn_stops_at_once(start: Start) -> None:
    system = start(MAILROOM_RATE="4/minute")
    system.start_workers(1)
    system.accept(20)
    system.sink.wait(1)
    assert stop(system) < 4
    assert live_batches(system) == 0
