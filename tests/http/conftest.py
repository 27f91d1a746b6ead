"""receiver, and caller(url): an HTTP client for a test that waits, in an event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from mailroom.http.answer import HttpAnswer
from mailroom.http.client import HTTP_PATIENCE_SECONDS, Client
from mailroom.http.guard import Guard
from tests.webhooks.receiver import Receiver

GUARD = Guard(("127.0.0.1", "localhost"))


class Caller:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._runner = asyncio.Runner()

    def post(self, body: bytes = b"{}", headers: dict[str, str] | None = None) -> HttpAnswer:
        return self._runner.run(self._client.post(body, headers or {}))

    def get(self, largest: int) -> HttpAnswer:
        return self._runner.run(self._client.get({}, largest))

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


Call = Callable[..., Caller]


@pytest.fixture
def caller() -> Iterator[Call]:
    made: list[Caller] = []

    def make(url: str, guard: Guard = GUARD, patience: float = HTTP_PATIENCE_SECONDS) -> Caller:
        made.append(Caller(Client(url, guard, patience)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()
