from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mailroom.sink import ThreadedSink
from mailroom.sink.certificates import make_certificate
from mailroom.smtp.envelope import Envelope, Outcome
from mailroom.smtp.failure import Failure
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session

CONTENT = b"Subject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n"


Sink = Callable[..., ThreadedSink]
Certificates = Callable[[Any], Path]


class Tray:
    """A source that gives what it was filled with and keeps everything it was told."""

    def __init__(self, *recipients: str, content: bytes = CONTENT) -> None:
        self.waiting = [Envelope("news@example.org", name, content, i) for i, name in enumerate(recipients)]
        self.refuse: set[str] = set()
        self.log: list[tuple[str, str]] = []
        self.outcomes: dict[str, Outcome] = {}

    def next_envelope(self) -> Envelope | None:
        return self.waiting.pop(0) if self.waiting else None

    async def mark(self, envelope: Envelope) -> bool:
        self.log.append(("mark", envelope.recipient))
        await asyncio.sleep(0.001)
        return envelope.recipient not in self.refuse

    @property
    def failures(self) -> dict[str, Failure]:
        return {name: outcome for name, outcome in self.outcomes.items() if isinstance(outcome, Failure)}

    def outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        assert envelope.recipient not in self.outcomes, "a second outcome"
        self.log.append(("outcome", envelope.recipient))
        self.outcomes[envelope.recipient] = outcome


Deliver = Callable[..., Tray]


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Starts sinks that end with the test."""
    with ExitStack() as stack:
        yield lambda *rules, **options: stack.enter_context(ThreadedSink(rules, keep=True, **options))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    made: dict[str, Path] = {}

    def get(kind: Any) -> Path:
        if kind not in made:
            made[kind] = make_certificate(folder, kind)
        return made[kind]

    return get


async def _run(server: Server, tray: Tray) -> Session:
    session = await Session.open(server)
    await session.run(tray)
    if not session.closed:
        await session.close()
    return session


@pytest.fixture
def deliver() -> Deliver:
    """Hands over to the sink in one session; returns the tray with the outcomes."""

    def to(sink: ThreadedSink, tray: Tray | str, **options: Any) -> Tray:
        tray = Tray(tray) if isinstance(tray, str) else tray
        server = Server("127.0.0.1", sink.port, **{"timeout": 5.0, **options})
        asyncio.run(_run(server, tray))
        return tray

    return to


@pytest.fixture
def tray() -> type[Tray]:
    return Tray
