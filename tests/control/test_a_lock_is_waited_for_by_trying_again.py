"""Somebody else's transaction holds a lock in PostgreSQL: workers go on trying, and still hear a signal."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from mailroom.database.engine import Database
from tests.invariants import check
from tests.servers import Valkey
from tests.system import System

TABLE = "LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"
"""As ALTER TABLE does."""

ROWS = "SELECT id FROM deliveries WHERE state = 'queued' AND batch_id > 0 ORDER BY id LIMIT 20 FOR UPDATE"


@pytest.fixture
def system(tmp_path: Path, postgres_url: str, valkey: Valkey) -> Iterator[System]:
    with System(tmp_path, postgres_url, valkey.url, ["any: delay dot 0.005"]) as system:
        yield system


@contextmanager
def locked(url: str, statement: str) -> Iterator[None]:
    """A person's session that stays open."""
    with psycopg.connect(url) as connection:
        connection.execute(statement)
        yield
        connection.rollback()


def under_way(system: System) -> int:
    mailing = system.accept(400)
    system.start_workers(2)
    system.wait(lambda: len(system.sink.messages()) >= 50)
    return mailing.mailing_id


@pytest.mark.parametrize("statement", [TABLE, ROWS], ids=["table", "rows"])
def test_sending_goes_on_when_it_is_over_and_nothing_is_sent_twice(
    system: System, postgres_url: str, statement: str
) -> None:
    mailing_id = under_way(system)
    with locked(postgres_url, statement):
        time.sleep(5)
    system.wait_until_over(mailing_id, 30)
    assert system.counts(mailing_id) == {"sent": 400}
    found = check(system.database, system.sink.messages(), accepted=400)
    assert found.extra == 0
    with system.database.read() as connection:
        deaths = connection.exec_driver_sql("SELECT max(deaths) FROM deliveries").scalar_one()
    assert deaths == 0, "nobody died"
    assert "failed" not in system.log


def test_a_worker_that_is_locked_out_ends_when_it_is_told(system: System, postgres_url: str) -> None:
    mailing_id = under_way(system)
    (pool,) = system.pools
    with locked(postgres_url, TABLE):
        time.sleep(1)
        began = time.monotonic()
        os.kill(pool.pid, signal.SIGTERM)
        pool.wait(20)
        assert time.monotonic() - began < 10
    with system.database.begin() as connection:  # as if half a minute had passed
        connection.exec_driver_sql("UPDATE batches SET lease_until = 1 WHERE owner IS NOT NULL")
    system.start_workers(2, lease=3)
    system.wait_until_over(mailing_id, 45)
    assert system.counts(mailing_id) == {"sent": 400}
    check(system.database, system.sink.messages(), accepted=400, extra_at_most=2 * 5)


def test_a_page_is_told_that_the_ledger_is_locked(postgres_url: str) -> None:
    database = Database(postgres_url, busy_timeout=100)
    count = "SELECT count(*) FROM deliveries"
    with (
        locked(postgres_url, TABLE),
        pytest.raises(OperationalError, match="lock timeout"),
        database.read() as connection,
    ):
        connection.exec_driver_sql(count)
    with database.read() as connection:
        assert connection.exec_driver_sql(count).scalar_one() == 0
    database.dispose()


def test_a_worker_that_stands_still_in_a_transaction_loses_its_locks(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailroom.database.connection.postgresql_connections.IDLE_TRANSACTION", 200)
    worker, other = Database(postgres_url, durable=False), Database(postgres_url, busy_timeout=5_000)
    with pytest.raises(DBAPIError), worker.begin() as connection:
        connection.exec_driver_sql(TABLE)
        with other.begin() as free:
            free.exec_driver_sql(TABLE)
        connection.exec_driver_sql("SELECT 1")
    worker.dispose()
    other.dispose()
