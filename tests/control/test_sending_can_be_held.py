"""Held, mail is accepted and shown, and nothing leaves: by a setting, or until a person lets go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mailroom.database.engine import Database
from mailroom.ledger import holding
from mailroom.ledger.batches import batches
from mailroom.ledger.schema import batches as batches_table
from mailroom.ledger.schema import sweeper, webhook_calls
from mailroom.ledger.states import State
from mailroom.ledger.webhooks import webhook_endpoints
from tests.servers import Valkey
from tests.system import System


@pytest.fixture
def system(tmp_path: Path, database_url: str, valkey: Valkey) -> Iterator[System]:
    with System(tmp_path, database_url, valkey.url) as system:
        yield system


def test_with_the_setting_workers_wait_and_without_it_they_send(system: System) -> None:
    pool = system.start_workers(1, MAILROOM_HOLD="1")
    system.wait(lambda: "sending is held" in system.log)
    few, many = system.accept(3), system.accept(250)
    system.wait(lambda: system.workers())
    waited = system.queue.waiting("bulk") + system.queue.waiting("urgent")
    assert waited and system.sink.count() == 0
    pool.terminate()
    assert pool.wait(15) == 0
    assert system.counts(many.mailing_id) == {State.QUEUED: 250}
    system.start_workers(1)
    for accepted in (few, many):
        system.wait_until_over(accepted.mailing_id)
    assert system.sink.count() == 253


def test_a_hold_that_comes_while_workers_run_stops_what_comes_next(system: System) -> None:
    system.start_workers(1)
    system.wait_until_over(system.accept(1).mailing_id)
    with system.database.begin() as connection:
        assert holding.hold(connection, "we move house")
        assert not holding.hold(connection, "again")
    accepted = system.accept(2)
    system.wait(lambda: "sending is held" in system.log)
    assert system.counts(accepted.mailing_id) == {State.QUEUED: 2} and system.sink.count() == 1
    with system.database.begin() as connection:
        assert holding.release(connection)
    system.wait_until_over(accepted.mailing_id)
    assert system.sink.count() == 3


def test_no_batch_can_be_claimed_while_the_ledger_is_held(system: System) -> None:
    system.accept(2)
    with system.database.begin() as connection:
        batch_id = connection.execute(select(batches_table.c.id)).scalar_one()
        holding.hold(connection, "we move house")
        assert batches.claim(connection, batch_id, 0, "ann") is None
        holding.release(connection)
        assert batches.claim(connection, batch_id, 0, "ann") is not None


def test_no_webhook_is_called_either(system: System) -> None:
    with system.database.begin() as connection:
        webhook_endpoints.add(connection, "https://hooks.example/in", ["email.sent"])
    system.start_workers(1)
    system.wait_until_over(system.accept(1).mailing_id)
    system.wait(lambda: tries(system.database) > 0)  # what is under way as sending is held ends all the same
    with system.database.begin() as connection:
        holding.hold(connection, "we move house")
    system.wait(lambda: "sending is held" in system.log)
    before = tries(system.database)
    with system.database.begin() as connection:
        connection.execute(webhook_calls.update().values(due_at=0, state="waiting"))
    began = swept_at(system.database)
    system.wait(lambda: swept_at(system.database) > began + 2_500)
    assert tries(system.database) == before


def swept_at(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(sweeper.c.swept_at)).scalar() or 0


def tries(database: Database) -> int:
    with database.read() as connection:
        return sum(connection.execute(select(webhook_calls.c.attempts)).scalars())
