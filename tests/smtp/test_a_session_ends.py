"""How many messages go in one session: by the setting, by the server's kind, by its own words."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from mailroom.settings import load
from mailroom.sink import ThreadedSink
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server, server_from
from mailroom.smtp.session import Session
from tests.smtp.conftest import Sink, Tray
from tests.smtp.test_the_server_of_the_settings import ENVIRONMENT

EXIM = "any: reply connect 220 mail.example.org ESMTP Exim 4.96 Sat, 28 Nov 2026 20:00:00 +0000"


def sizes(sink: ThreadedSink, server: Server, number: int) -> list[int]:
    """How many messages each session took until all were sent."""
    waiting = [f"a{index}@x.org" for index in range(number)]

    async def send() -> None:
        for _ in range(number):
            if not waiting:
                return
            session = await Session.open(server)
            tray = Tray(*waiting)
            await session.run(tray)
            took = {name for name, outcome in tray.outcomes.items() if isinstance(outcome, Reply)}
            assert {failure.scope for failure in tray.failures.values()} <= {"session"}
            waiting[:] = [name for name in waiting if name not in took]
            assert session.full or session.closed or not waiting
            await session.close()

    asyncio.run(send())
    assert not waiting
    return list(Counter(message.connection for message in sink.messages()).values())


@pytest.mark.parametrize("pipelining", ["on", "off"])
@pytest.mark.parametrize(
    ("banner", "setting", "expected"),
    [
        ((), None, [25]),
        ((), 7, [7, 7, 7, 4]),
        ((EXIM,), None, [10, 10, 5]),
        ((EXIM,), 20, [20, 5]),
    ],
    ids=["no-limit", "set", "exim", "exim-set"],
)
def test_it_ends_after_its_number(
    sink: Sink, banner: tuple[str, ...], setting: int | None, expected: list[int], pipelining: str
) -> None:
    there = sink(*banner, pipelining=pipelining)
    assert sizes(there, Server("127.0.0.1", there.port, max_messages=setting), 25) == expected


@pytest.mark.parametrize("pipelining", ["on", "off"])
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize(
    "words",
    [
        "421 4.7.0 too many messages in this connection",
        "452 4.5.3 Maximum number of messages per connection exceeded",
        "451 4.3.2 This session has reached its limit of mails per session",
    ],
)
def test_what_the_server_says_lowers_it(sink: Sink, words: str, stage: str, pipelining: str) -> None:
    there = sink(f"message 4: reply {stage} {words}", pipelining=pipelining)
    server = Server("127.0.0.1", there.port, max_messages=50)
    assert sizes(there, server, 8) == [3, 3, 2]
    assert server.messages_a_session == 3


@pytest.mark.parametrize(
    "words",
    ["421 4.7.0 Too many concurrent connections", "451 4.3.2 Please slow down", "452 4.2.2 Mailbox full"],
)
def test_other_words_do_not(sink: Sink, words: str) -> None:
    there = sink(f"message 2: reply mail {words}")
    server = Server("127.0.0.1", there.port)

    async def send() -> None:
        await (await Session.open(server)).run(Tray("a@x.org", "b@x.org"))

    asyncio.run(send())
    assert server.messages_a_session is None


def test_flask_mails_own_setting_is_read() -> None:
    assert server_from(load({**ENVIRONMENT, "MAIL_MAX_EMAILS": "10"})).messages_a_session == 10
    assert server_from(load(ENVIRONMENT)).messages_a_session is None
