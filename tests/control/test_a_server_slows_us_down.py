from __future__ import annotations

import pytest
from sqlalchemy import update

from mailroom.database.clock import now_millis
from mailroom.database.engine import Database
from mailroom.ledger.relays import rates
from mailroom.ledger.relays import recovery as recovery_of
from mailroom.ledger.schema import throttles
from mailroom.ledger.states import State
from mailroom.smtp.reply import Reply
from mailroom.smtp.throttle import asks_to_slow_down, spacing_us
from tests.control.conftest import Start, on_both

SERVER = "mail.example:25"


def present(database: Database) -> rates.Present | None:
    with database.read() as connection:
        return next(iter(rates.present(connection)), None)


def age(database: Database, seconds: int) -> None:
    """Makes the last change of the rate so much older."""
    with database.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE throttles SET updated_at = updated_at - {seconds * 1000} WHERE updated_at > 0"
        )


@pytest.mark.parametrize(
    ("code", "text", "slow"),
    [
        (421, "4.7.0 Too many messages", True),
        (450, "4.7.1 Error: too much mail from you", True),
        (451, "4.3.2 Please try again later", True),
        (451, "later", True),
        (454, "4.7.0 Temporary failure", True),
        (450, "4.2.1 The user is receiving mail too quickly", False),
        (451, "4.7.1 Greylisted, try again later", False),
        (452, "4.2.2 Mailbox full", False),
        (550, "5.1.1 No such user", False),
    ],
)
def test_which_answers_mean_that_we_are_too_fast(code: int, text: str, slow: bool) -> None:
    assert asks_to_slow_down(Reply(code, text)) is slow


@pytest.mark.parametrize(
    ("rate", "seconds"), [("5/second", 0.204), ("30/minute", 2.0007), ("30/hour", 120.0007)]
)
def test_a_period_has_a_margin_of_20_ms(rate: str, seconds: float) -> None:
    assert spacing_us(rate) / 1_000_000 == pytest.approx(seconds, rel=0.001)


def test_it_starts_from_half_the_measured_rate_and_halves_once_a_second(database: Database) -> None:
    with database.begin() as connection:
        assert rates.slow_down(connection, SERVER, per_second=100)
        assert not rates.slow_down(connection, SERVER, per_second=100), "one event"
    first = present(database)
    assert first is not None
    assert (round(first.per_second), first.is_slowed, str(first)) == (50, True, "50/second")
    age(database, 1)
    with database.begin() as connection:
        assert rates.slow_down(connection, SERVER, per_second=100)
    second = present(database)
    assert second is not None and round(second.per_second) == 25


def test_it_never_stops_altogether(database: Database) -> None:
    for _ in range(20):
        with database.begin() as connection:
            rates.slow_down(connection, SERVER, per_second=100)
        age(database, 1)
    found = present(database)
    assert found is not None and str(found) == "1.0/minute"


def test_it_recovers_step_by_step_up_to_the_rate_that_is_set(database: Database) -> None:
    rate = spacing_us("10/second")
    with database.begin() as connection:
        rates.set_rate(connection, SERVER, rate)
        rates.slow_down(connection, SERVER, per_second=10)
        assert rates.speed_up(connection, SERVER, rate) == rate * 2, "not before its time"
    steps = [rate * 2]
    while steps[-1] != rate:
        age(database, 5)
        with database.begin() as connection:
            steps.append(rates.speed_up(connection, SERVER, rate) or 0)
    assert len(steps) == 3 and steps == sorted(steps, reverse=True)
    found = present(database)
    assert found is not None and not found.is_slowed


def test_without_a_rate_it_ends_without_a_limit(database: Database) -> None:
    with database.begin() as connection:
        rates.slow_down(connection, SERVER, per_second=1000)
    for _ in range(3):
        age(database, 5)
        with database.begin() as connection:
            left = rates.speed_up(connection, SERVER, None)
    assert left is None
    assert present(database) is None


def test_a_restart_keeps_the_slower_rate_and_takes_a_new_setting(database: Database) -> None:
    slow, fast = spacing_us("30/hour"), spacing_us("30/minute")
    with database.begin() as connection:
        rates.set_rate(connection, SERVER, slow)
        assert rates.reserve(connection, SERVER, 1, 1000) is not None
        assert rates.reserve(connection, SERVER, 1, 20_000) is None
        rates.set_rate(connection, SERVER, fast)
        places = rates.reserve(connection, SERVER, 1, 20_000)
        assert places is not None and places.wait_us <= fast
        rates.slow_down(connection, SERVER, per_second=1)
        rates.set_rate(connection, SERVER, fast)
        assert rates.interval_us(connection, SERVER) == fast * 2
        rates.set_rate(connection, SERVER, slow)
        assert rates.interval_us(connection, SERVER) == slow


def test_places_that_were_not_used_are_given_back(database: Database) -> None:
    with database.begin() as connection:
        rates.set_rate(connection, SERVER, spacing_us("1/second"))
        rates.reserve(connection, SERVER, 1, 5000)
        places = rates.reserve(connection, SERVER, 3, 5000)
        assert places is not None
        rates.give_back(connection, SERVER, places, 3, 2)
        following = rates.reserve(connection, SERVER, 1, 5000)
    assert following is not None
    assert following.at_us == places.at_us + places.interval_us


@on_both
def test_a_server_that_answers_451_gets_less(start: Start) -> None:
    system = start("every 5: reply mail 451 4.3.2 slow down please", MAILROOM_BACKOFF="1s")
    system.start_workers(1)
    mailing = system.accept(30)
    system.wait(lambda: present(system.database))
    found = present(system.database)
    assert found is not None and found.is_slowed
    system.sink.set_rules([])
    assert system.wait_until_over(mailing.mailing_id, 40).counts[State.SENT] == 30


def test_a_wait_in_a_unit_that_is_none_holds_up_nobody(start: Start) -> None:
    """Without regard to case a long s (U+017F) passes for one."""
    system = start("rcpt person3: reply rcpt 451 4.7.1 try again in 5 \u017f", MAILROOM_BACKOFF="1s")
    mailing = system.accept(10)
    system.start_workers(1)
    system.wait(lambda: system.counts(mailing.mailing_id) == {"sent": 9, "deferred": 1})
    system.sink.set_rules([])
    assert system.wait_until_over(mailing.mailing_id, 40).counts[State.SENT] == 10


def learned(database: Database, interval_us: int, set_us: int | None) -> None:
    """The server got us down to this."""
    with database.begin() as connection:
        if set_us is not None:
            rates.set_rate(connection, SERVER, set_us)
        else:
            rates.slow_down(connection, SERVER, per_second=10)
        values = {"interval_us": interval_us, "refused_us": interval_us // 2, "updated_at": now_millis()}
        connection.execute(update(throttles).values(next_at=(now_millis() + 60_000) * 1000, **values))


def recovery(database: Database, set_us: int) -> tuple[int, float]:
    """How many mails and seconds it takes from the slowest rate to the one that is set."""
    learned(database, rates.SLOWEST_US, set_us)
    mails, seconds, interval = 0, 0.0, rates.SLOWEST_US
    while interval != set_us:
        mails += 1
        if mails > 1:
            seconds += interval / 1_000_000
            age(database, -(-interval // 1_000_000))
        with database.begin() as connection:
            interval = rates.speed_up(connection, SERVER, set_us) or 0
        assert mails < 200
    return mails, seconds


@pytest.mark.parametrize(("rate", "most"), [("30/minute", 25), ("2/second", 30), ("50/second", 40)])
def test_it_recovers_quickly_once_mail_goes_through(database: Database, rate: str, most: float) -> None:
    mails, seconds = recovery(database, spacing_us(rate))
    assert seconds <= most, f"{mails} mails in {seconds:.0f} s"


def test_who_comes_after_a_recovery_does_not_wait_by_the_rate_before(database: Database) -> None:
    set_us = spacing_us("30/minute")
    learned(database, rates.SLOWEST_US, set_us)
    with database.begin() as connection:
        assert rates.reserve(connection, SERVER, 1, 20_000) is None
        interval = rates.speed_up(connection, SERVER, set_us)
        places = rates.reserve(connection, SERVER, 1, 20_000)
    assert interval == rates.SLOWEST_US // 4
    assert places is not None and places.wait_us <= interval


@pytest.mark.parametrize(
    ("before", "after"), [(None, "30/minute"), ("10/minute", None), ("10/minute", "30/minute")]
)
def test_another_setting_ends_what_was_learned(
    database: Database, before: str | None, after: str | None
) -> None:
    learned(database, rates.SLOWEST_US, spacing_us(before) if before else None)
    with database.begin() as connection:
        rates.set_rate(connection, SERVER, spacing_us(after) if after else None)
    found = present(database)
    assert (found and found.interval_us) == (spacing_us(after) if after else None)
    assert found is None or not found.is_slowed


@pytest.mark.parametrize("setting", [None, "30/minute"])
def test_a_person_may_end_it(database: Database, setting: str | None) -> None:
    set_us = spacing_us(setting) if setting else None
    learned(database, rates.SLOWEST_US, set_us)
    with database.begin() as connection:
        assert recovery_of.reset(connection, SERVER)
        assert not recovery_of.reset(connection, SERVER)
        assert rates.interval_us(connection, SERVER) == set_us
        if set_us:
            assert rates.reserve(connection, SERVER, 1, 2_001) is not None


def test_the_mail_of_a_day_is_spread_over_it() -> None:
    assert spacing_us("500/day") / 1_000_000 == pytest.approx(172.8, rel=0.001)
    assert str(rates.Present(SERVER, spacing_us("12/day"), False)) == "12.0/day"
