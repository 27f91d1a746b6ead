from __future__ import annotations

import asyncio
import time

import pytest

from mailroom.smtp.failure import Failure
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session
from tests.smtp.conftest import Deliver, Sink, Tray

pytestmark = pytest.mark.usefixtures("each_loop")

PIPELINING = pytest.mark.parametrize("pipelining", ["on", "off"])


@PIPELINING
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("what", ["drop", "garbage", "stall"])
def test_before_the_dot_nothing_was_sent(
    sink: Sink, deliver: Deliver, stage: str, what: str, pipelining: str
) -> None:
    server = sink(f"any: {what} {stage}", pipelining=pipelining)
    failure = deliver(server, "ann@x.org", timeout=0.3 if what == "stall" else 5).failures["ann@x.org"]
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.kind, failure.scope) == (stage, "temporary", "session")
    assert not server.messages()


@PIPELINING
def test_after_354_nothing_was_sent(sink: Sink, deliver: Deliver, pipelining: str) -> None:
    server = sink("any: drop after-354", pipelining=pipelining)
    failure = deliver(server, "ann@x.org").failures["ann@x.org"]
    assert (failure.kind, failure.scope) == ("temporary", "session")
    assert not server.messages()


@PIPELINING
@pytest.mark.parametrize(
    ("rule", "arrived"),
    [
        ("drop dot", 0),
        ("drop after-record", 1),
        ("garbage after-record", 1),
        ("garbage after-record 354 what\\r\\n", 1),
        ("stall dot", 0),
    ],
)
def test_after_the_dot_nobody_knows(
    sink: Sink, deliver: Deliver, rule: str, arrived: int, pipelining: str
) -> None:
    server = sink(f"any: {rule}", pipelining=pipelining)
    failure = deliver(server, "ann@x.org", timeout=0.1 if "stall" in rule else 5).failures["ann@x.org"]
    assert (failure.stage, failure.kind, failure.scope) == ("dot", "unknown", "delivery")
    assert len(server.messages()) == arrived


@PIPELINING
def test_right_after_the_250_it_is_sent(
    sink: Sink, deliver: Deliver, tray: type[Tray], pipelining: str
) -> None:
    server = sink("any: drop after-250", pipelining=pipelining)
    letters = deliver(server, tray("ann@x.org", "bob@x.org"))
    assert isinstance(letters.outcomes["ann@x.org"], Reply)
    assert (letters.failures["bob@x.org"].kind, letters.failures["bob@x.org"].scope) == (
        "temporary",
        "session",
    )
    assert [message.recipient for message in server.messages()] == ["ann@x.org"]


def test_the_one_behind_a_lost_message_is_untouched(sink: Sink, deliver: Deliver, tray: type[Tray]) -> None:
    server = sink("message 2: drop after-record")
    letters = deliver(server, tray("a@x.org", "b@x.org", "c@x.org", "d@x.org"))
    assert isinstance(letters.outcomes["a@x.org"], Reply)
    assert letters.failures["b@x.org"].kind == "unknown"
    assert (letters.failures["c@x.org"].kind, letters.failures["c@x.org"].scope) == ("temporary", "session")
    assert "d@x.org" not in letters.outcomes, "a closed session must not ask for more"


def test_a_large_message_cut_short_is_known_to_be_unsent(sink: Sink, tray: type[Tray]) -> None:
    server = sink("any: stall after-354")
    letters = tray("ann@x.org", content=(b"x" * 76 + b"\r\n") * 400_000)

    async def cut() -> None:
        await asyncio.sleep(0.2)
        server.hang_up()

    async def send() -> None:
        session = await Session.open(Server("127.0.0.1", server.port, timeout=5))
        await asyncio.gather(session.run(letters), cut())

    asyncio.run(send())
    failure = letters.failures["ann@x.org"]
    assert (failure.stage, failure.kind, failure.scope) == ("data", "temporary", "session")


def test_a_kept_session_found_dead_may_be_tried_again_at_once(sink: Sink, tray: type[Tray]) -> None:
    server = sink()
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(Session.open(Server("127.0.0.1", server.port)))
    first, second = tray("a@x.org"), tray("b@x.org")
    loop.run_until_complete(session.run(first))
    assert (session.sent, session.closed) == (1, False)
    server.hang_up()
    loop.run_until_complete(session.run(second))
    loop.close()
    assert session.closed
    assert second.failures == second.outcomes
    failure = second.failures.get("b@x.org")
    assert failure is None or (failure.kind, failure.scope) == ("temporary", "session")


def test_a_session_that_idles_between_runs_still_works(sink: Sink, tray: type[Tray]) -> None:
    server = sink()
    loop = asyncio.new_event_loop()
    settings = Server("127.0.0.1", server.port, timeout=0.1)
    session = loop.run_until_complete(Session.open(settings))
    loop.run_until_complete(session.run(tray("a@x.org")))
    time.sleep(0.3)
    loop.run_until_complete(session.run(tray("b@x.org")))
    loop.run_until_complete(session.close())
    loop.close()
    assert len(server.messages()) == 2


def test_quit_never_raises(sink: Sink) -> None:
    server = sink()

    async def leave() -> None:
        session = await Session.open(Server("127.0.0.1", server.port))
        server.hang_up()
        await session.close()
        await session.close()
        assert session.closed

    asyncio.run(leave())
