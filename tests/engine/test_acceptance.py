"""Accepted means on disk, once, and all of it or nothing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, func, select, update

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept import thresholds
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Idempotency, KeyReused, Submission
from mailroom.engine.sweeper import Sweeper
from mailroom.ledger import states, suppressions
from mailroom.ledger.mailings import insertion, mailings
from mailroom.ledger.mailings.insertion import NewDelivery
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import State
from mailroom.ledger.sweep import due_mailings
from mailroom.queue import Queue
from tests.invariants import counters_agree
from tests.servers import Valkey

CONTENT = Content(Address("post@mailroom.example"), "Hello", text="Hello.")


def submission(
    count: int = 3, key: str | None = None, fingerprint: str = "same", **options: object
) -> Submission:
    idempotency = None
    if key:
        idempotency = Idempotency("key:1", key, hashlib.sha256(fingerprint.encode()).hexdigest())
    recipients = [Recipient(f"p{number}@mail.example") for number in range(count)]
    return Submission(CONTENT, recipients, idempotency=idempotency, **options)  # type: ignore[arg-type]


def number_of(database: Database, table: object) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def test_what_is_accepted_is_seen_by_everybody_else(database: Database, queue: Queue) -> None:
    accepted = accept(database, queue, submission(250))
    other = Database(database.url)
    with other.read() as connection:
        mailing = mailings.get(connection, accepted.mailing_id)
    other.dispose()
    assert mailing is not None and mailing.counts[State.QUEUED] == 250
    assert queue.waiting("bulk") == 3
    counters_agree(database)


def test_commits_of_acceptance_survive_a_power_cut(database: Database) -> None:
    with database.read() as connection:
        if database.is_sqlite:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2, "FULL"
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"


def test_twenty_submissions_with_one_key_are_one_mailing(database: Database, queue: Queue) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: accept(database, queue, submission(3, "once")), range(20)))
    assert len({answer.mailing_id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert number_of(database, mailings_table) == 1
    assert number_of(database, deliveries) == 3
    assert queue.waiting("urgent") == 1


def test_a_key_that_belongs_to_something_else_is_refused(database: Database, queue: Queue) -> None:
    accept(database, queue, submission(1, "once"))
    with pytest.raises(KeyReused):
        accept(database, queue, submission(1, "once", "different"))
    assert number_of(database, mailings_table) == 1


def test_who_is_suppressed_is_accepted_and_never_mailed(database: Database, queue: Queue) -> None:
    with database.begin() as connection:
        suppressions.add(connection, ["p1@mail.example"])
    accepted = accept(database, queue, submission(3))
    with database.read() as connection:
        mailing = mailings.get(connection, accepted.mailing_id)
    assert mailing is not None
    assert (mailing.counts[State.QUEUED], mailing.counts[State.SUPPRESSED]) == (2, 1)


def test_without_a_queue_the_answer_is_the_same_and_soon(database: Database, own_valkey: Valkey) -> None:
    queue = Queue(own_valkey.url)
    own_valkey.pause()
    began = time.monotonic()
    accepted = accept(database, queue, submission(3))
    assert time.monotonic() - began < 2
    assert not accepted.enqueued
    assert number_of(database, batches) == 1, "the sweeper will put it onto the queue"


def test_a_large_one_is_there_all_at_once(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "STAGED_AT_ONCE", 10)
    seen: list[int] = []
    add = insertion.insert_deliveries

    def watched(connection: Connection, rows: Sequence[NewDelivery]) -> None:
        with database.read() as reader:
            seen.append(len(mailings.page(reader)))
        add(connection, rows)

    monkeypatch.setattr(insertion, "insert_deliveries", watched)
    accepted = accept(database, queue, submission(35))
    assert seen == [0, 0, 0, 0], "nobody sees a part of it"
    with database.read() as connection:
        mailing = mailings.get(connection, accepted.mailing_id)
    assert mailing is not None and mailing.total == mailing.counts[State.QUEUED] == 35
    counters_agree(database)


def test_one_that_broke_off_is_swept_away_and_never_sent(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "STAGED_AT_ONCE", 10)
    real, calls = insertion.insert_deliveries, []

    def breaks_off(connection: Connection, rows: Sequence[NewDelivery]) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise OSError("the machine went down")
        real(connection, rows)

    monkeypatch.setattr(insertion, "insert_deliveries", breaks_off)
    with pytest.raises(OSError, match="went down"):
        accept(database, queue, submission(35, "once"))
    assert number_of(database, deliveries) == 20
    sweeper = Sweeper(database, queue, "ann")
    sweeper.round()
    time.sleep(1)
    sweeper.round()
    assert number_of(database, deliveries) == 20, "it may still be under way"
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE mailings SET staged_until = staged_until - 20000")
        connection.exec_driver_sql("UPDATE sweeper SET swept_at = swept_at - 2000")
    sweeper.round()
    assert number_of(database, deliveries) == number_of(database, mailings_table) == 0
    assert queue.waiting("bulk") == queue.waiting("urgent") == 0
    monkeypatch.setattr(insertion, "insert_deliveries", real)
    assert not accept(database, queue, submission(35, "once")).replayed, "its key is free again"


def test_nothing_staged_is_ever_gathered(database: Database, queue: Queue) -> None:
    accepted = accept(database, queue, submission(30))
    with database.begin() as connection:
        connection.execute(update(mailings_table).values(state=states.STAGED))
        connection.execute(update(deliveries).values(batch_id=None, due_at=0))
        assert due_mailings.due(connection, "bulk", 10) == []
        assert mailings.get(connection, accepted.mailing_id) is None
