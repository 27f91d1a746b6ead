from __future__ import annotations

import time

from sqlalchemy import insert

from mailroom.ledger.schema import throttles
from tests.control.conftest import Start, on_both
from tests.system import System


def live_batches(system: System) -> int:
    with system.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM batches").scalar_one())


@on_both
def test_what_cannot_go_within_a_job_s_time_goes_back_until_it_can(start: Start) -> None:
    system = start(MAILROOM_RATE="30/hour")
    system.start_workers(2)
    mailing = system.accept(300)
    system.sink.wait(1)
    system.wait(lambda: live_batches(system) == 0)
    time.sleep(1.5)
    assert live_batches(system) == 0, "nothing is gathered while the next place is two minutes away"
    assert system.counts(mailing.mailing_id) == {"sent": 1, "queued": 299}


def test_urgent_mail_gets_the_next_place(start: Start) -> None:
    system = start(MAILROOM_RATE="1/second")
    system.start_workers(1)
    system.accept(300)
    system.sink.wait(2)
    system.accept(["urgent@mail.example"])
    recipients = [message.recipient for message in system.sink.wait(6, 12)]
    assert "urgent@mail.example" in recipients[:6]


def test_a_worker_of_another_process_learns_the_slower_rate(start: Start) -> None:
    """Without a rate that is set, a worker looks once a second."""
    system = start("any: delay dot 0.05")
    system.start_workers(1)
    system.accept(1_000)
    system.sink.wait(30)
    with system.database.begin() as connection:
        name = f"127.0.0.1:{system.sink.port}"
        now = round(time.time() * 1000)
        values = {"name": name, "next_at": now * 1000, "interval_us": 500_000, "updated_at": now + 60_000}
        connection.execute(insert(throttles).values(values))
    time.sleep(1.5)
    before = system.sink.count()
    time.sleep(2)
    assert 2 <= system.sink.count() - before <= 6
