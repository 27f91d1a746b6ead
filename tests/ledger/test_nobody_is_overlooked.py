"""Two transactions at once on PostgreSQL: what one makes due, the other must not forget."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

import pytest
from sqlalchemy import Connection

from mailroom.database.engine import Database
from mailroom.ledger import states
from mailroom.ledger.batches import batches, gather
from mailroom.ledger.deliveries import actions, tries
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.states import State
from mailroom.ledger.sweep import due_mailings
from tests.ledger.book import Book

WAITS = 0.3


@pytest.fixture
def pg(postgres_url: str) -> Book:
    return Book(Database(postgres_url))


def meanwhile(book: Book, act: Callable[[Connection], object]) -> Thread:
    """Does it in a transaction of its own; it may have to wait for ours."""

    def run() -> None:
        with book.database.begin() as connection:
            act(connection)

    thread = Thread(target=run)
    thread.start()
    time.sleep(WAITS)
    return thread


def test_a_deferral_while_a_sweeper_gathers(pg: Book) -> None:
    mailing_id = pg.accept(150)
    lease, other = pg.claim(), pg.claim(owner="ben")
    (delivery_id, *_) = pg.inside(lease)
    pg.mark(lease, delivery_id)
    pg.close(other)
    outcome = tries.Outcome(delivery_id, states.DEFERRED, 451, "later", "sink:25", "rcpt", 60_000)
    with pg.database.begin() as connection:
        tries.record_troubles(connection, lease, [outcome])
        thread = meanwhile(pg, lambda theirs: gather.gather(theirs, mailing_id, 5))
    thread.join()
    assert pg.mailing(mailing_id).next_due_at is not None, "or it would be deferred for ever"


def test_a_deferral_just_after_a_sweeper_looked(pg: Book) -> None:
    mailing_id = pg.accept(150)
    lease, other = pg.claim(), pg.claim(owner="ben")
    (delivery_id, *_) = pg.inside(lease)
    pg.mark(lease, delivery_id)
    pg.close(other)
    outcome = tries.Outcome(delivery_id, states.DEFERRED, 451, "later", "sink:25", "rcpt", 60_000)
    with pg.database.begin() as connection:
        gather.gather(connection, mailing_id, 5)
        thread = meanwhile(pg, lambda theirs: tries.record_troubles(theirs, lease, [outcome]))
    thread.join()
    assert pg.mailing(mailing_id).next_due_at is not None


def test_a_batch_handed_back_while_its_mailing_is_canceled(pg: Book) -> None:
    mailing_id = pg.accept(150)
    lease, other = pg.claim(), pg.claim(owner="ben")
    pg.close(other)
    with pg.database.begin() as connection:
        lifecycle.cancel(connection, mailing_id)
    with pg.database.begin() as connection:
        batches.close(connection, lease)
        thread = meanwhile(pg, lambda theirs: actions.end_due(theirs, mailing_id, State.CANCELED))
    thread.join()
    with pg.database.begin() as connection:
        for ended, state in due_mailings.to_be_ended(connection, 10):
            actions.end_due(connection, ended, state)
    assert pg.states(mailing_id) == {"canceled": 150}
    assert pg.mailing(mailing_id).ended_at is not None


def test_a_mark_that_is_committed_while_its_batch_is_reaped(pg: Book) -> None:
    mailing_id = pg.accept(3)
    lease = pg.claim()
    (delivery_id, *_) = pg.inside(lease)
    raw = "UPDATE deliveries SET state = 'sending' WHERE id = %s"
    with pg.database.begin() as connection:
        connection.exec_driver_sql(raw, (delivery_id,))
        pg.run_out(lease)
        reaped: list[int] = []
        thread = Thread(target=lambda: reaped.append(pg.reap()))
        thread.start()
        time.sleep(WAITS)
    thread.join()
    assert reaped == [1]
    assert pg.states(mailing_id) == {"unknown": 1, "queued": 2}
    pg.check()
