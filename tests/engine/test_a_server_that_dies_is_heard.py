"""Whoever asks PostgreSQL from an event loop hears of a server that dies, on whichever loop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import literal_column, select

from mailroom.database.connection.asking import PreparedStatement, Question, prepare
from tests import postgres

FORTY_TWO = PreparedStatement("mailroom_forty_two", select(literal_column("42")))


@pytest.fixture
def server(postgres_url: str) -> Iterator[postgres.Postgres]:
    """One of its own: when a process of it dies, all of them begin anew."""
    server = postgres.Postgres()
    yield server
    server.stop()


def told_by(loop: asyncio.AbstractEventLoop, connection: psycopg.Connection[Any], *, dies: bool) -> Any:
    """What is heard; of a server that `dies` with the question in its hands, unread."""
    heard = loop.create_future()
    backend = connection.info.backend_pid
    if dies:
        os.kill(backend, signal.SIGSTOP)
    question = Question(loop, connection, lambda result, error: heard.set_result(error or result))
    question.ask(FORTY_TWO, [])
    if dies:
        loop.call_later(0.1, os.kill, backend, signal.SIGKILL)
    return loop.run_until_complete(asyncio.wait_for(heard, 20))


@pytest.mark.usefixtures("each_loop")
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_it_is_an_error_of_who_asked(
    server: postgres.Postgres, monkeypatch: pytest.MonkeyPatch, is_forgotten: bool
) -> None:
    loop = asyncio.new_event_loop()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        prepare(connection, FORTY_TWO)
        assert told_by(loop, connection, dies=False).get_value(0, 0) == b"42"
        if is_forgotten:  # as uvloop does now and then
            monkeypatch.setattr(Question, "_read_when_there_is_something", lambda question: None)
        assert isinstance(told_by(loop, connection, dies=True), psycopg.OperationalError)
    loop.close()
