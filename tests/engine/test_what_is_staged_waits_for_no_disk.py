"""A large mailing is written by many commits. Only those that a promise hangs on wait for the disk."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sqlalchemy import Connection, event

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.connection import begin
from mailroom.database.engine import Database
from mailroom.engine.accept import thresholds
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.queue import Queue


def is_flushed(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        return bool(connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2)
    return bool(connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on")


def test_the_first_and_the_last_commit_wait(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "STAGED_AT_ONCE", 100)
    commits: list[bool] = []

    @event.listens_for(database.engine, "commit")
    def _note(connection: Connection) -> None:
        if connection.get_execution_options().get(begin.BEGINS_WITH) != begin.BEGIN_READING:
            commits.append(is_flushed(connection))

    people = [Recipient(f"p{number}@mail.example") for number in range(250)]
    accept(database, queue, Submission(Content(Address("post@mailroom.example"), "Hello", "Hello."), people))

    assert commits == [True, False, False, False, True]


@pytest.mark.parametrize("error", [None, ValueError("broken off")])
def test_the_next_one_on_its_connection_waits_again(database: Database, error: Exception | None) -> None:
    with suppress(ValueError), database.begin_unflushed() as connection:
        assert not is_flushed(connection)
        if error is not None:
            raise error

    with database.begin() as connection:
        assert is_flushed(connection)
    with database.read() as connection:
        assert is_flushed(connection)
