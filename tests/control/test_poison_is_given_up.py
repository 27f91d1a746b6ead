from __future__ import annotations

import os
import signal
import time

from mailroom.ledger.states import State
from tests.control.conftest import Start, on_both
from tests.system import System

POISON = "poison@mail.example"


def kill_the_worker_that_has_it(system: System) -> None:
    """As a mail does that makes a worker die."""
    system.wait(lambda: worker_with_it_alone(system))
    dead = owner(system)
    (pid,) = {worker.pid for worker in system.queue.workers() if worker.name == dead}
    os.kill(pid, signal.SIGKILL)
    system.wait(lambda: is_reaped(system, dead))


def worker_with_it_alone(system: System) -> bool:
    """For a moment already: who claims a batch notes in turn that nothing, and that it is in hand."""
    sql = f"""SELECT owner, in_hand FROM batches JOIN deliveries ON batches.id = batch_id
        WHERE batches.id = (SELECT batch_id FROM deliveries WHERE address = '{POISON}')"""
    seen = []
    for pause in (0.3, 0):
        with system.database.read() as connection:
            seen.append([tuple(row) for row in connection.exec_driver_sql(sql)])
        time.sleep(pause)
    return (
        seen[0] == seen[1] and len(seen[0]) == 1 and all(who and is_noted != 0 for who, is_noted in seen[0])
    )


def is_reaped(system: System, dead: str | None) -> bool:
    """Meanwhile its leases run out; the sweeper renews them once, after a time without a sweeper."""
    with system.database.begin() as connection:
        over = f"UPDATE batches SET lease_until = 1 WHERE owner = '{dead}'"
        return connection.exec_driver_sql(over).rowcount == 0


def owner(system: System) -> str | None:
    """The worker that has it."""
    with system.database.read() as connection:
        sql = f"SELECT owner FROM deliveries JOIN batches ON batches.id = batch_id WHERE address = '{POISON}'"
        found: str | None = connection.exec_driver_sql(sql).scalar_one_or_none()
        return found


@on_both
def test_a_mail_of_which_three_workers_die_is_failed_and_the_others_are_sent(start: Start) -> None:
    system = start("rcpt poison: stall rcpt")
    system.start_workers(1)
    mailing = system.accept([POISON, *(f"person{number}@mail.example" for number in range(40))])
    for _ in range(3):
        kill_the_worker_that_has_it(system)
    ended = system.wait_until_over(mailing.mailing_id, 30)
    assert (ended.counts[State.SENT], ended.counts[State.FAILED]) == (40, 1)
    with system.database.read() as connection:
        sql = "SELECT reply, deaths FROM deliveries WHERE state = 'failed'"
        words, deaths = connection.exec_driver_sql(sql).one()
    assert words.startswith("3 workers died while they worked on this mail")
    assert deaths == 3
    assert len({message.recipient for message in system.sink.messages()}) == 40
