"""Scheduled mailings, expiry, backoff and pauses, with real workers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.states import State
from tests.control.conftest import Start, on_both
from tests.system import System


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def do(system: System, action: object, mailing_id: int) -> None:
    with system.database.begin() as connection:
        assert action(connection, mailing_id)  # type: ignore[operator]


@on_both
def test_a_scheduled_mailing_starts_on_time(start: Start) -> None:
    system = start()
    system.start_workers(1)
    system.wait(system.queue.workers)
    at = soon(2)
    mailing = system.accept(5, send_at=at)
    assert mailing.state == "scheduled"
    arrived = min(message.time for message in system.sink.wait(5))
    assert 0 <= arrived - at.timestamp() < 4, "a round of the sweeper later, on a busy machine"


def test_after_a_time_without_workers_it_starts_late_unless_it_expired(start: Start) -> None:
    system = start()
    late = system.accept(3, send_at=soon(0.5))
    expired = system.accept(2, send_at=soon(0.5), expires_at=soon(1))
    time.sleep(1.5)
    system.start_workers(1)
    assert system.wait_until_over(late.mailing_id).counts[State.SENT] == 3
    assert system.wait_until_over(expired.mailing_id).counts[State.EXPIRED] == 2
    assert system.sink.count() == 3


def test_a_deferred_mail_is_tried_by_the_backoff_that_is_set_until_it_expires(start: Start) -> None:
    system = start("rcpt busy: reply rcpt 450 4.2.1 mailbox busy", MAILROOM_BACKOFF="1s")
    system.start_workers(1)
    system.wait(system.queue.workers)
    mailing = system.accept(["busy@mail.example", "ann@mail.example"], expires_at=soon(6))
    ended = system.wait_until_over(mailing.mailing_id)
    assert (ended.counts[State.SENT], ended.counts[State.EXPIRED]) == (1, 1)
    with system.database.read() as connection:
        tries = connection.exec_driver_sql("SELECT at, stage, code, reply FROM attempts ORDER BY at").all()
    assert len(tries) >= 2
    assert {(row.stage, row.code, row.reply) for row in tries} == {("rcpt", 450, "4.2.1 mailbox busy")}
    assert all(after.at - before.at >= 900 for before, after in pairwise(tries))


def test_the_time_that_a_server_names_counts_more(start: Start) -> None:
    system = start("rcpt busy: greylist 1 4.7.1 Greylisted, try again in 2 seconds", MAILROOM_BACKOFF="1h")
    system.start_workers(1)
    system.wait(system.queue.workers)
    mailing = system.accept(["busy@mail.example"])
    began = time.monotonic()
    assert system.wait_until_over(mailing.mailing_id).counts[State.SENT] == 1
    assert 2 <= time.monotonic() - began < 8


@on_both
def test_pause_and_resume_take_effect_in_the_middle_of_a_batch(start: Start) -> None:
    system = start("any: delay dot 0.1")
    system.start_workers(1)
    mailing = system.accept(200)
    system.sink.wait(10)
    do(system, lifecycle.pause, mailing.mailing_id)
    system.wait_until_none_is_sent()
    stopped_at = system.sink.count()
    time.sleep(1.5)
    assert system.sink.count() == stopped_at < 200
    do(system, lifecycle.resume, mailing.mailing_id)
    system.sink.wait(stopped_at + 10, 3)
    do(system, lifecycle.cancel, mailing.mailing_id)
    ended = system.wait_until_over(mailing.mailing_id, 5)
    assert ended.state == "canceled"
    assert ended.counts[State.SENT] + ended.counts[State.CANCELED] == 200
    assert system.sink.count() == ended.counts[State.SENT] < 200
