"""Nothing expires because somebody set the clock: what is to last, lasts for time that passed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, insert, select, update

from mailroom.database import clock
from mailroom.database.clock import now_millis
from mailroom.ledger import schema
from mailroom.ledger.mailings import idempotency
from mailroom.ledger.states import State
from mailroom.ledger.sweep import due_mailings, rounds
from tests.ledger.book import Book
from tests.servers import Valkey
from tests.system import System

HOUR = 3_600_000
DAY = 24 * HOUR
FIFTY_YEARS = 50 * 365 * DAY
A_WHILE = 20_000  # milliseconds that a test may take
UPTIME_IS_ROUNDED_TO = 0.02
"""Seconds: uptimes are told in hundredths. What passes in less may be less than what rounding makes of it."""

TIMES: list[tuple[Table, tuple[str, ...]]] = [
    (schema.batches, ("lease_until", "enqueued_at")),
    (schema.deliveries, ("due_at", "updated_at")),
    (schema.mailings, ("created_at", "expires_at", "send_at", "next_due_at")),
    (schema.idempotency_keys, ("created_at",)),
    (schema.webhook_calls, ("at", "due_at", "expires_at")),
    (schema.sweeper, ("swept_at",)),
    (schema.uptimes, ("at",)),
]
UPTIMES = ("awake_ms", "up_ms")


def set_clock(book: Book, by_ms: int, *, passed: tuple[str, ...] = ()) -> None:
    """The ledger has no other clock: so all its times are off by as much, the other way round.

    `passed`: which of a machine's uptimes went on meanwhile.
    """
    time.sleep(UPTIME_IS_ROUNDED_TO)
    with book.database.begin() as connection:
        for table, names in [*TIMES, (schema.uptimes, passed)]:
            for name in names:
                connection.exec_driver_sql(f"UPDATE {table.name} SET {name} = {name} - {by_ms}")


def sweep(book: Book, by: str = "ann") -> rounds.SweepTurn | None:
    with book.database.begin() as connection:
        return rounds.take(connection, by)


def left_ms(book: Book, mailing_id: int) -> int:
    statement = select(schema.mailings.c.expires_at, now_millis()).where(schema.mailings.c.id == mailing_id)
    with book.database.read() as connection:
        expires_at, now = connection.execute(statement).one()
    return clock.to_millis(expires_at) - int(now)


def is_noted(book: Book) -> bool:
    with book.database.read() as connection:
        return connection.execute(select(schema.uptimes)).first() is not None


def is_ended(book: Book, mailing_id: int) -> bool:
    with book.database.read() as connection:
        return mailing_id in [found for found, _ in due_mailings.to_be_ended(connection, 10)]


@pytest.fixture
def swept(book: Book) -> Book:
    sweep(book)
    assert sweep(book) == rounds.SweepTurn(0)
    return book


@pytest.fixture
def deferred(swept: Book) -> int:
    """A mailing to four, all of which were told to come later."""
    mailing_id = swept.accept(4)
    lease = swept.claim()
    for delivery_id in swept.inside(lease):
        swept.trouble(lease, delivery_id, State.DEFERRED, HOUR)
    swept.close(lease)
    return mailing_id


def test_three_days_ahead_nothing_is_over(swept: Book, deferred: int) -> None:
    before = left_ms(swept, deferred)
    set_clock(swept, 3 * DAY)
    assert not is_ended(swept, deferred), "a round that had begun before does not know of it"
    turn = sweep(swept)
    assert turn is not None and abs(turn.clock_set_ms - 3 * DAY) < A_WHILE
    assert not is_ended(swept, deferred)
    assert before - A_WHILE < left_ms(swept, deferred) <= before
    swept.gather(deferred)
    assert len(swept.inside(swept.claim())) == 4


def test_several_machines_see_it_and_one_of_them_moves_the_ends(
    swept: Book, deferred: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, machine = left_ms(swept, deferred), clock.boot()
    monkeypatch.setattr(clock, "boot", lambda: "another")
    set_clock(swept, 1_000, passed=UPTIMES)
    assert sweep(swept, "ben") == rounds.SweepTurn(0)
    set_clock(swept, 3 * DAY)
    turns = []
    for name in ("another", machine, "another", "a new one"):
        monkeypatch.setattr(clock, "boot", lambda name=name: name)
        turns.append(sweep(swept, name))
        set_clock(swept, 1_000, passed=UPTIMES)
    assert [turn and round(turn.clock_set_ms / DAY) for turn in turns] == [3, 0, 0, 0]
    assert before - A_WHILE < left_ms(swept, deferred) <= before


@pytest.mark.parametrize(("passed", "is_over"), [(UPTIMES, True), (("up_ms",), False)])
def test_what_all_were_away_for_has_passed_and_what_the_machine_slept_has_not(
    swept: Book, deferred: int, passed: tuple[str, ...], is_over: bool
) -> None:
    set_clock(swept, 3 * DAY, passed=passed)
    assert sweep(swept) is not None
    assert is_ended(swept, deferred) is is_over


def test_a_machine_that_was_started_anew_believes_the_clock(
    swept: Book, deferred: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "boot", lambda: "started anew")
    set_clock(swept, 3 * DAY)
    assert sweep(swept) == rounds.SweepTurn(0)
    assert is_ended(swept, deferred)


def test_a_clock_that_began_in_1970_and_is_set_right_costs_nothing(swept: Book, deferred: int) -> None:
    before = left_ms(swept, deferred)
    set_clock(swept, -FIFTY_YEARS)
    assert sweep(swept) is not None
    assert before - A_WHILE < left_ms(swept, deferred) <= before
    young = swept.accept(1)
    set_clock(swept, FIFTY_YEARS)
    assert sweep(swept) is not None
    for mailing_id in (deferred, young):
        assert before - A_WHILE < left_ms(swept, mailing_id) < 2 * DAY + A_WHILE
        assert not is_ended(swept, mailing_id)


def test_what_is_accepted_before_the_jump_is_noticed_lasts_no_longer(swept: Book) -> None:
    set_clock(swept, 3 * DAY)
    young = swept.accept(1)
    before = left_ms(swept, young)
    assert sweep(swept) is not None
    assert left_ms(swept, young) <= before


@pytest.mark.parametrize("days", [2, 30])
def test_what_people_planned_stays_and_goes_when_the_clock_has_passed_it(swept: Book, days: int) -> None:
    mailing_id = swept.accept(1, send_at=datetime.now(UTC) + timedelta(days=days))
    before = swept.mailing(mailing_id)
    set_clock(swept, 6 * DAY)
    assert sweep(swept) is not None
    with swept.database.begin() as connection:
        due_mailings.start_scheduled(connection)
    now = swept.mailing(mailing_id)
    assert (now.state == "active") is (days == 2) and not is_ended(swept, mailing_id)
    if days == 30:
        assert now.expires_at - now.send_at == before.expires_at - before.send_at


def test_a_used_key_is_known_and_a_webhook_is_called_for_as_long_as_before(swept: Book) -> None:
    mailing_id = swept.accept(1)
    with swept.database.begin() as connection:
        assert idempotency.take(connection, "form:1", "key", "print", mailing_id) is None
        endpoint = {
            "url": "https://example.org",
            "secret": "s",
            "events": "",
            "created_at": datetime.now(UTC),
        }
        endpoint_id = connection.execute(
            insert(schema.webhook_endpoints).values(endpoint).returning(schema.webhook_endpoints.c.id)
        ).scalar_one()
        call = {"endpoint_id": endpoint_id, "type": "email.sent", "state": "waiting"}
        times = {"at": now_millis(), "due_at": now_millis(), "expires_at": now_millis() + DAY}
        connection.execute(insert(schema.webhook_calls).values(**call, **times))
    set_clock(swept, 3 * DAY)
    assert sweep(swept) is not None
    with swept.database.begin() as connection:
        assert not idempotency.has_old(connection)
        assert idempotency.earlier(connection, "form:1", "key") is not None
        left = connection.execute(select(schema.webhook_calls.c.expires_at - now_millis())).scalar_one()
    assert DAY - A_WHILE < left <= DAY


def test_a_mark_that_is_refused_in_the_very_moment_ends_nothing(swept: Book, deferred: int) -> None:
    swept.make_due(deferred)
    swept.gather(deferred)
    lease = swept.claim()
    set_clock(swept, 3 * DAY)
    with swept.database.begin() as connection:  # its owner renews it before anybody sweeps
        kept = update(schema.batches).where(schema.batches.c.id == lease.batch_id)
        connection.execute(kept.values(lease_until=now_millis() + A_WHILE))
    assert swept.mark(lease, swept.inside(lease)[0]) == "taken"
    assert sweep(swept) is not None
    assert swept.mark(lease, swept.inside(lease)[0]) == ""
    swept.die(lease)


@pytest.mark.parametrize(("left", "due_in"), [(5_000, 5_000), (0, 0), (-5_000, 0)])
def test_nothing_is_deferred_beyond_its_mailing_s_end_by_the_ledger_s_clock(
    swept: Book, left: int, due_in: int
) -> None:
    mailing_id = swept.accept(1)
    lease = swept.claim()
    (delivery_id,) = swept.inside(lease)
    with swept.database.begin() as connection:
        ends = update(schema.mailings).where(schema.mailings.c.id == mailing_id)
        connection.execute(ends.values(expires_at=now_millis() + left))
        now = clock.now(connection)
    swept.trouble(lease, delivery_id, State.DEFERRED, HOUR)
    assert -1_000 < swept.delivery(delivery_id).due_at - (now + due_in) < 2_000
    swept.close(lease)


def test_workers_that_see_it_say_so_and_send_all(sqlite_url: str, valkey: Valkey, tmp_path: Path) -> None:
    rules = ["first 4: reply rcpt 450 4.2.0 Later"]
    with System(tmp_path, sqlite_url, valkey.url, rules, MAILROOM_BACKOFF="1h") as system:
        book = Book(system.database)
        mailing_id = system.accept(4).mailing_id
        system.start_workers(2)
        system.wait(lambda: is_noted(book) and system.counts(mailing_id) == {"deferred": 4}, 30)
        set_clock(book, 3 * DAY)
        system.wait(lambda: system.counts(mailing_id) == {"sent": 4}, 30)
        assert system.log.count("clock was set") == 1
        book.queue.close()
