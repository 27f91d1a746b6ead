from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.smtp.envelope import Envelope, stuffed
from mailroom.smtp.failure import Failure, Withdrawn
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session
from tests.smtp.conftest import Deliver, Sink, Tray

PIPELINING = pytest.mark.parametrize("pipelining", ["on", "off"])
LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x", b" .", b"x" * 100]), max_size=12)


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


@given(LINES)
@settings(max_examples=300)
def test_a_dot_never_ends_a_message_early(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    wire = stuffed(content) + b".\r\n"
    body, end = wire.split(b"\r\n.\r\n", 1) if not wire.startswith(b".\r\n") else (b"", wire[3:])
    assert end == b""
    received = [line[1:] if line.startswith(b".") else line for line in body.split(b"\r\n")]
    assert b"\r\n".join(received) + b"\r\n" == (content or b"\r\n")


@PIPELINING
@pytest.mark.parametrize(
    "content", [b".\r\n", b"..\r\n.\r\n", b"a: b\r\n\r\n.hidden\r\n\r\n.\r\n", b"x\r\n" * 90_000]
)
def test_it_arrives_byte_for_byte(
    sink: Sink, deliver: Deliver, tray: type[Tray], content: bytes, pipelining: str
) -> None:
    server = sink(pipelining=pipelining)
    deliver(server, tray("a@x.org", "b@x.org", content=content))
    assert [message.raw for message in server.messages()] == [content, content]


def test_send_returns_the_reply_or_raises(sink: Sink) -> None:
    server = sink("rcpt bad: reply rcpt 550 5.1.1 No such user")

    async def three() -> None:
        session = await Session.open(Server("127.0.0.1", server.port))
        reply = await session.send(Envelope("n@x.org", "a@x.org", b"hi\r\n"), yes)
        assert isinstance(reply, Reply) and reply.text == "2.0.0 Ok: recorded"
        with pytest.raises(Failure, match="No such user"):
            await session.send(Envelope("n@x.org", "bad@x.org", b"hi\r\n"), yes)
        with pytest.raises(Withdrawn):
            await session.send(Envelope("n@x.org", "b@x.org", b"hi\r\n"), no)
        assert session.closed and session.sent == 1
        with pytest.raises(Failure) as caught:
            await session.send(Envelope("n@x.org", "c@x.org", b"hi\r\n"), yes)
        assert caught.value.scope == "session"

    asyncio.run(three())
    assert [message.recipient for message in server.messages()] == ["a@x.org"]


@PIPELINING
def test_without_its_mark_a_message_stays_here(
    sink: Sink, deliver: Deliver, tray: type[Tray], pipelining: str
) -> None:
    server = sink(pipelining=pipelining)
    letters = tray("a@x.org", "b@x.org", "c@x.org")
    letters.refuse.add("b@x.org")
    outcomes = deliver(server, letters).outcomes
    assert isinstance(outcomes["a@x.org"], Reply)
    assert isinstance(outcomes["b@x.org"], Withdrawn)
    assert [envelope.recipient for envelope in letters.waiting] == ["c@x.org"]
    assert [message.recipient for message in server.messages()] == ["a@x.org"]


def test_a_mark_that_breaks_closes_the_session(
    sink: Sink, tray: type[Tray], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = sink()

    class Broken(Exception):
        pass

    async def broken(envelope: Envelope) -> bool:
        raise Broken

    async def send() -> None:
        session = await Session.open(Server("127.0.0.1", server.port))
        letters = tray("a@x.org")
        monkeypatch.setattr(letters, "mark", broken)
        with pytest.raises(Broken):
            await session.run(letters)
        assert session.closed

    asyncio.run(send())
    assert not server.messages()


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "a@x.org>\r\nDATA",
        "a@x.org> NOTIFY=NEVER",
        "a b@x.org",
        "jörg@x.org",
        "a@x.org\x00",
        '"a b"@x .org',
    ],
)
def test_an_address_cannot_speak_smtp(sink: Sink, deliver: Deliver, tray: type[Tray], recipient: str) -> None:
    server = sink()
    letters = deliver(server, tray(recipient, "b@x.org"))
    assert letters.failures[recipient].kind == "permanent"
    assert [message.recipient for message in server.messages()] == ["b@x.org"]


def test_a_quoted_local_part_may_hold_a_space(sink: Sink, deliver: Deliver) -> None:
    server = sink()
    deliver(server, '"ann lee"@x.org')
    assert [message.recipient for message in server.messages()] == ['"ann lee"@x.org']


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\rb\r\n", b"a\n.\nMAIL"])
def test_a_bare_line_break_is_not_sent(
    sink: Sink, deliver: Deliver, tray: type[Tray], content: bytes
) -> None:
    server = sink()
    failure = deliver(server, tray("a@x.org", content=content)).failures["a@x.org"]
    assert (failure.kind, failure.scope) == ("permanent", "delivery")
    assert not server.messages()


def test_a_message_over_the_servers_size_is_not_sent(sink: Sink, deliver: Deliver, tray: type[Tray]) -> None:
    server = sink(size=1000)
    letters = tray("a@x.org", content=b"x" * 998 + b"\r\n")
    big = tray("b@x.org", content=b"x" * 999 + b"\r\n")
    assert isinstance(deliver(server, letters).outcomes["a@x.org"], Reply)
    failure = deliver(server, big).failures["b@x.org"]
    assert failure.kind == "permanent"
    assert failure.message == "the message is too large: 1,001 bytes; the server takes 1,000 at most"


@PIPELINING
def test_a_session_ends_after_its_number_of_messages(sink: Sink, tray: type[Tray], pipelining: str) -> None:
    server = sink(pipelining=pipelining)
    settings = Server("127.0.0.1", server.port, max_messages=2)
    letters = tray("a@x.org", "b@x.org", "c@x.org")

    async def send() -> Session:
        session = await Session.open(settings)
        await session.run(letters)
        assert session.full and not session.closed
        await session.close()
        return session

    asyncio.run(send())
    assert len(letters.outcomes) == len(server.messages()) == 2


@PIPELINING
def test_a_servers_own_limit_sends_nothing_twice(sink: Sink, tray: type[Tray], pipelining: str) -> None:
    server = sink(pipelining=pipelining, max_messages=2)
    letters = tray("a@x.org", "b@x.org", "c@x.org")

    async def send() -> None:
        session = await Session.open(Server("127.0.0.1", server.port))
        await session.run(letters)
        assert session.closed

    asyncio.run(send())
    failure = letters.failures["c@x.org"]
    assert (failure.code, failure.kind, failure.scope) == (421, "temporary", "session")
    assert [message.recipient for message in server.messages()] == ["a@x.org", "b@x.org"]
