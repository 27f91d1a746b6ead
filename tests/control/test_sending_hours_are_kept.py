"""Sending hours of a mailing, with real workers: it stops at the end of a window, and goes on in the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import update

from mailroom.content.schedule.sending_hours import EVERY_DAY, SendingHours, clock_time
from mailroom.database.clock import now_millis
from mailroom.ledger.schema import mailings
from mailroom.ledger.states import State
from tests.control.conftest import Start, on_both
from tests.system import System

NIGHT_AND_DAY = SendingHours(EVERY_DAY, clock_time("0"), clock_time("24"), ZoneInfo("UTC"))


def other_day() -> SendingHours:
    """In the zone where it is noon: neither yesterday's nor tomorrow's are near."""
    in_days = (datetime.now(UTC).weekday() + 3) % 7
    return SendingHours(frozenset([in_days]), clock_time("9"), clock_time("17"), ZoneInfo("UTC"))


def change(system: System, mailing_id: int, **values: object) -> None:
    with system.database.begin() as connection:
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(**values))


@on_both
def test_outside_of_them_it_is_scheduled_for_the_next_window(start: Start) -> None:
    system = start()
    system.start_workers(1)
    hours = other_day()
    accepted = system.accept(3, hours=hours)
    large = system.accept(300, hours=hours, undo=5)
    within = system.accept(2, hours=NIGHT_AND_DAY)
    assert [one.state for one in (accepted, large, within)] == ["scheduled", "scheduled", "active"]
    assert system.wait_until_over(within.mailing_id).counts[State.SENT] == 2
    for one in (accepted, large):
        mailing = system.mailing(one.mailing_id)
        assert mailing.starts_at is not None and mailing.closes_at is not None
        assert (mailing.starts_at.weekday(), mailing.starts_at.hour) == (min(hours.days), 9)
        assert mailing.closes_at - mailing.starts_at == timedelta(hours=8)
        assert mailing.expires_at - mailing.starts_at >= timedelta(hours=48)
    assert system.sink.count() == 2


@on_both
def test_at_the_end_of_a_window_it_stops_and_goes_on_in_the_next_one(start: Start) -> None:
    system = start("any: delay dot 0.1")
    system.start_workers(1)
    accepted = system.accept(300, hours=NIGHT_AND_DAY)
    system.sink.wait(10)
    before = system.mailing(accepted.mailing_id)
    change(system, accepted.mailing_id, hours=str(other_day()), closes_at=now_millis())
    system.wait(lambda: system.mailing(accepted.mailing_id).state == "scheduled", 8)
    system.wait(lambda: not system.mailing(accepted.mailing_id).counts.get(State.SENDING), 5)
    stopped_at, paused = system.sink.count(), system.mailing(accepted.mailing_id)
    assert stopped_at < 300
    assert paused.starts_at is not None and paused.starts_at > datetime.now(UTC) + timedelta(days=1)
    assert paused.expires_at - before.expires_at > timedelta(days=1), "nothing expires by that"
    # Two rounds of the sweeper: what it had in its batch is due, and it does not begin by that.
    system.wait(lambda: system.mailing(accepted.mailing_id).counts[State.QUEUED] == 300 - stopped_at, 8)
    swept = datetime.now(UTC)
    system.wait(lambda: datetime.now(UTC) > swept + timedelta(seconds=2.2))
    assert system.sink.count() == stopped_at

    change(
        system,
        accepted.mailing_id,
        hours=str(NIGHT_AND_DAY),
        send_at=now_millis(),
        next_due_at=now_millis(),
        closes_at=now_millis() + 3_600_000,
    )
    ended = system.wait_until_over(accepted.mailing_id)
    assert ended.counts[State.SENT] == system.sink.count() == 300


def test_what_comes_late_waits_for_the_next_window_and_a_window_that_follows_at_once_is_no_pause(
    start: Start,
) -> None:
    """All workers were away when its window began and ended."""
    system = start()
    late, goes_on = system.accept(3, hours=NIGHT_AND_DAY), system.accept(3, hours=NIGHT_AND_DAY)
    change(system, late.mailing_id, hours=str(other_day()), closes_at=now_millis() - 60_000)
    change(system, goes_on.mailing_id, closes_at=now_millis() - 60_000)
    system.start_workers(1)
    ended = system.wait_until_over(goes_on.mailing_id)
    assert ended.counts[State.SENT] == 3
    system.wait(lambda: system.mailing(late.mailing_id).state == "scheduled", 8)
    assert system.sink.count() == 3


def test_hours_of_a_zone_that_is_not_known_any_more_pause_it_and_say_so(start: Start) -> None:
    system = start()
    accepted = system.accept(3, hours=NIGHT_AND_DAY)
    change(system, accepted.mailing_id, hours="Mon 09:00-17:00 Mars/Olympus", closes_at=now_millis())
    system.start_workers(1)
    system.wait(lambda: system.mailing(accepted.mailing_id).state == "paused", 8)
    assert "Mars/Olympus" in (system.mailing(accepted.mailing_id).held_for or "")
    assert system.sink.count() == 0
