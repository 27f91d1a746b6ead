"""Nobody could write for a while, or the clock was set: workers that live keep what they have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from mailroom.ledger import states
from mailroom.ledger.schema import batches, deliveries, sweeper, uptimes
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.sweep import due_mailings, rounds
from tests.ledger.book import Book
from tests.servers import wait_until

HOUR = 3_600_000


def sweep(book: Book) -> bool:
    with book.database.begin() as connection:
        return rounds.take(connection, "ann") is not None


def set_clock(book: Book, by_ms: int) -> None:
    """Sets the clock: every time in the ledger is off by as much, the other way round."""
    with book.database.begin() as connection:
        for table, names in [
            (batches, ("lease_until", "enqueued_at")),
            (deliveries, ("due_at",)),
            (sweeper, ("swept_at",)),
            (uptimes, ("at",)),
        ]:
            for name in names:
                connection.execute(update(table).values({name: table.c[name] - by_ms}))
        raw = "UPDATE mailings SET next_due_at = next_due_at - :by, expires_at = expires_at - :by"
        connection.exec_driver_sql(raw.replace(":by", str(by_ms)))


@pytest.fixture
def swept(book: Book) -> Book:
    assert not sweep(book), "the first one makes the row"
    assert sweep(book)
    assert not sweep(book), "one round a second"
    return book


def test_one_of_several_sweeps(swept: Book) -> None:
    set_clock(swept, 1_000)
    assert [sweep(swept) for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("jump", [HOUR, 10_000])
def test_after_a_gap_or_a_jump_ahead_owners_have_time_to_come_back(swept: Book, jump: int) -> None:
    swept.accept(1)
    lease = swept.claim()
    set_clock(swept, max(jump, 40_000))
    assert swept.reap() == 0, "who reaps now does not know what happened meanwhile"
    assert sweep(swept)
    assert swept.reap() == 0
    assert swept.mark(lease, swept.inside(lease)[0]) == ""
    swept.die(lease)


def test_set_back_an_hour_nothing_waits_for_it(swept: Book) -> None:
    swept.accept(1)
    dead = swept.claim()
    mailing_id = swept.accept(250)
    lease = swept.claim(owner="ben")
    swept.close(lease)
    set_clock(swept, -HOUR)
    assert swept.gather(mailing_id) == [], "all of it is due in an hour"
    assert sweep(swept)
    assert swept.mailing(mailing_id).next_due_at is not None
    with swept.database.read() as connection:
        assert mailing_id in due_mailings.due(connection, "bulk", 10)
        lasts = connection.execute(
            select(func.max(batches.c.lease_until)).where(batches.c.id == dead.batch_id)
        ).scalar_one()
        now = connection.execute(select(func.max(sweeper.c.swept_at))).scalar_one()
    wait_until(lambda: swept.gather(mailing_id), 3)
    assert lasts - now <= 35_000, "a dead worker's batch comes back in time"


def test_set_back_an_hour_what_people_planned_stays(swept: Book) -> None:
    mailing_id = swept.accept(1, send_at=datetime.now(UTC) + timedelta(hours=3))
    set_clock(swept, -HOUR)
    assert sweep(swept)
    with swept.database.begin() as connection:
        assert not due_mailings.scheduled_are_due(connection)
        state = connection.execute(select(mailings_table.c.state)).scalar_one()
    assert state == states.SCHEDULED
    assert swept.gather(mailing_id) == []
