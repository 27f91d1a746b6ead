"""A session whose server says nothing is left to itself: its job ends, and the promise is the same."""

from __future__ import annotations

import os
import signal
import time

import pytest
from sqlalchemy import func, select

from mailroom.database.engine import AnyRow
from mailroom.ledger.relays import parked_sessions
from mailroom.ledger.schema import attempts, batches, deliveries, sessions
from mailroom.ledger.states import State
from tests.control.conftest import Start, on_both
from tests.system import System


def row(system: System, name: str) -> AnyRow:
    with system.database.read() as connection:
        chosen = select(deliveries).where(deliveries.c.address == f"{name}@mail.example")
        return connection.execute(chosen).one()


def held(system: System) -> list[int]:
    """The sizes of the batches that a worker has."""
    with system.database.read() as connection:
        return list(connection.execute(select(batches.c.size).where(batches.c.owner.is_not(None))).scalars())


def in_hand(system: System) -> list[bool | None]:
    """What the ledger says of the batches that a worker has."""
    with system.database.read() as connection:
        of_held = select(batches.c.in_hand).where(batches.c.owner.is_not(None))
        return list(connection.execute(of_held).scalars())


def parked(system: System) -> dict[str, int]:
    """Sessions by stage, as everybody sees them."""
    with system.database.read() as connection:
        return {there.stage: there.sessions for there in parked_sessions.present(connection)}


def recipients(system: System) -> list[str]:
    return [message.recipient for message in system.sink.messages()]


def people(*names: str) -> list[str]:
    return [f"{name}@mail.example" for name in names]


def kill_who_has(system: System, name: str) -> None:
    """Until its batch has gone back."""
    before = row(system, name).batch_id
    os.kill(system.workers()[0], signal.SIGKILL)
    system.wait(lambda: row(system, name).batch_id != before)


@on_both
def test_its_job_ends_and_the_answer_counts_when_it_comes(start: Start) -> None:
    system = start("rcpt slow: delay dot 5")
    system.start_workers()
    mailing = system.accept(people("slow", "ann", "bo", "cy"))
    system.wait(lambda: parked(system) == {"dot": 1})
    assert held(system) == [1], "the others have left the batch"
    assert system.counts(mailing.mailing_id) == {"sending": 1, "sent": 3}
    assert system.queue.workers()[0].job_id is None
    assert system.wait_until_over(mailing.mailing_id).counts[State.SENT] == 4
    assert sorted(recipients(system)) == sorted(people("slow", "ann", "bo", "cy"))
    assert held(system) == []
    system.wait(lambda: parked(system) == {})


def test_who_was_announced_behind_it_does_not_wait_for_it(start: Start) -> None:
    """A server that answers at once gets a mail's envelope together with the content before it."""
    system = start("rcpt hang: stall dot", MAILROOM_CONNECTIONS="2")
    system.start_workers()
    system.wait_until_over(system.accept(40).mailing_id)
    system.accept(people("hang", *(f"p{number}" for number in range(30))))
    system.sink.wait(70, 5)
    system.wait(lambda: parked(system) == {"dot": 1})
    assert len(set(recipients(system))) == len(recipients(system)) == 70


def test_what_no_server_answers_is_put_off_and_what_may_have_arrived_is_in_doubt(start: Start) -> None:
    system = start("rcpt at-rcpt: stall rcpt", "rcpt at-dot: stall dot", MAILROOM_TIMEOUT="2")
    system.start_workers()
    mailing = system.accept(people("at-rcpt", "at-dot"), if_unknown="hold")
    system.wait(lambda: parked(system) == {"rcpt": 1, "dot": 1})
    system.wait(lambda: row(system, "at-rcpt").state == "deferred", 10)
    with system.database.read() as connection:
        (tried,) = connection.execute(select(attempts)).all()
    assert (tried.stage, row(system, "at-rcpt").attempts) == ("rcpt", 1)
    system.wait(lambda: system.counts(mailing.mailing_id) == {"deferred": 1, "unknown": 1}, 25)
    system.wait(lambda: held(system) == [])


@on_both
def test_a_kill_leaves_in_doubt_only_what_was_at_its_dot(start: Start) -> None:
    system = start("rcpt at-rcpt: stall rcpt", "rcpt at-dot: stall dot")
    system.start_workers()
    mailing = system.accept(people("at-rcpt", "at-dot", "ann"), if_unknown="hold")
    system.wait(lambda: parked(system) == {"rcpt": 1, "dot": 1})
    os.kill(system.workers()[0], signal.SIGKILL)
    system.sink.set_rules([])
    with system.database.begin() as connection:
        connection.exec_driver_sql("UPDATE batches SET lease_until = 1")
    system.wait(lambda: system.counts(mailing.mailing_id) == {"sent": 2, "unknown": 1}, 40)
    assert sorted(recipients(system)) == people("ann", "at-rcpt")


def test_nobody_dies_of_what_has_waited_for_a_server_for_long(start: Start) -> None:
    system = start("any: stall rcpt")
    system.start_workers(lease=3)
    system.accept(people("ann"))
    for _ in range(4):
        system.wait(lambda: parked(system) and in_hand(system) == [False])
        kill_who_has(system, "ann")
    ann = row(system, "ann")
    assert (ann.state, ann.deaths) == ("queued", 0)


def test_a_stop_does_not_wait_for_it_and_hands_it_back(start: Start) -> None:
    system = start("rcpt at-rcpt: stall rcpt", "rcpt at-dot: stall dot")
    pool = system.start_workers()
    mailing = system.accept(people("at-rcpt", "at-dot"))
    system.wait(lambda: parked(system) == {"rcpt": 1, "dot": 1})
    began = time.monotonic()
    os.kill(pool.pid, signal.SIGTERM)
    assert pool.wait(20) == 0
    assert time.monotonic() - began < 10
    assert held(system) == []
    assert system.counts(mailing.mailing_id) == {"queued": 1, "unknown": 1}
    assert parked(system) == {}
    system.sink.set_rules([])
    with system.database.begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET due_at = 1 WHERE due_at IS NOT NULL")
        connection.exec_driver_sql("UPDATE mailings SET next_due_at = 1")
    system.start_workers()
    assert system.wait_until_over(mailing.mailing_id).counts[State.SENT] == 2


@pytest.mark.parametrize("place", ["connect", "ehlo", "mail", "data", "dot"])
def test_all_sessions_of_a_worker_may_be_parked_and_never_more(start: Start, place: str) -> None:
    system = start(f"first 2: delay {place} 4", MAILROOM_CONNECTIONS="2")
    system.start_workers()
    first, second = system.accept(people("first")), system.accept(people("second"))
    system.wait(lambda: sum(parked(system).values()) == 2)
    began, other = time.monotonic(), system.accept(people("other"))
    ended = [system.wait_until_over(one.mailing_id) for one in (first, second, other)]
    assert [mailing.counts[State.SENT] for mailing in ended] == [1, 1, 1]
    assert time.monotonic() - began < 8, "it goes on as soon as one is free"
    with system.database.read() as connection:
        assert connection.execute(select(func.max(sessions.c.number))).scalar_one() <= 2
    assert sorted(recipients(system)) == sorted(set(recipients(system)))
