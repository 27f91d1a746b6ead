"""A long content: what many envelopes share is held once, and leaves as the server takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.files import put_on_disk, shared_file
from mailroom.smtp import transaction
from mailroom.smtp.envelope import Envelope, LongContent, SharedLines, stuffed, unsendable
from mailroom.smtp.failure import Failure
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session
from tests.smtp.conftest import Deliver, Sink, Tray

LINES = st.lists(st.sampled_from([b".", b"..", b".x", b"x", b"", b" ."]), min_size=1, max_size=6)
FILE = b"\r\n".join([b"QUJD" * 19] * 40_000) + b"\r\n"
MEBIBYTE = 1 << 20


def lines_of(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


KINDS: dict[str, Callable[[bytes], bytes | SharedLines]] = {
    "its own": bytes,
    "shared": SharedLines,
    "on disk": lambda lines: SharedLines(lines, partial(put_on_disk, shared_file())),
}


@given(st.lists(st.tuples(st.sampled_from([*KINDS]), LINES), min_size=1, max_size=6))
@settings(max_examples=200)
def test_in_pieces_it_is_the_same_on_the_wire(pieces: list[tuple[str, list[bytes]]]) -> None:
    whole = b"".join(lines_of(lines) for _, lines in pieces)
    content = LongContent([KINDS[kind](lines_of(lines)) for kind, lines in pieces])
    assert b"".join(content.stuffed()) == stuffed(whole)
    assert len(content) == len(whole)
    assert unsendable(Envelope("a@x.org", "b@x.org", content), 0) is None


@pytest.mark.parametrize("octets", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n\n", b"\r\r\n"])
@pytest.mark.parametrize("kind", KINDS)
def test_another_line_break_is_found_in_every_piece(octets: bytes, kind: str) -> None:
    content = LongContent([b"Subject: x\r\n\r\n", KINDS[kind](octets), SharedLines(FILE)])
    failure = unsendable(Envelope("a@x.org", "b@x.org", content), 0)
    assert failure is not None and failure.kind == "permanent" and "not CRLF" in failure.message
    too_large = unsendable(Envelope("a@x.org", "b@x.org", LongContent([SharedLines(FILE)])), 1_000)
    assert too_large is not None and "too large" in too_large.message


@pytest.mark.usefixtures("each_loop")
@pytest.mark.parametrize("pipelining", ["on", "off"])
@pytest.mark.parametrize("text", [b"", b".\r\n", b"x" * 900 + b"\r\n.y\r\n"])
@pytest.mark.parametrize("kind", ["shared", "on disk"])
def test_it_arrives_octet_by_octet(
    sink: Sink, deliver: Deliver, pipelining: str, text: bytes, kind: str
) -> None:
    block = KINDS[kind](text + FILE + text)
    envelopes = [
        Envelope("n@x.org", name, LongContent([f"To: {name}\r\n\r\n".encode(), block, b".\r\n--end\r\n"]))
        for name in ("a@x.org", "b@x.org")
    ]
    tray = Tray()
    tray.waiting = list(envelopes)
    server = sink(pipelining=pipelining)
    deliver(server, tray)
    assert [message.raw for message in server.messages()] == [
        f"To: {one.recipient}\r\n\r\n".encode() + text + FILE + text + b".\r\n--end\r\n" for one in envelopes
    ]


def test_what_cannot_be_read_any_more_is_tried_again(sink: Sink, deliver: Deliver) -> None:
    """A disk that fails: whoever has had half of it has not had it, and the session is over."""
    file = shared_file()
    block = SharedLines(FILE, partial(put_on_disk, file))
    file.truncate(len(FILE) // 2)
    tray = Tray()
    tray.waiting = [Envelope("n@x.org", "a@x.org", LongContent([b"To: a@x.org\r\n\r\n", block]))]
    tray.waiting.append(Envelope("n@x.org", "b@x.org", b"Subject: the next\r\n\r\nHello\r\n"))
    server = sink()
    deliver(server, tray)
    failures = tray.failures
    assert list(failures) == ["a@x.org", "b@x.org"] and {one.scope for one in failures.values()} == {
        "session"
    }
    assert "could not be read" in failures["a@x.org"].message
    assert server.messages() == []


@pytest.mark.parametrize(
    "rule",
    ["", "any: reply rcpt 550 5.1.1 No", "any: drop after-354", "any: drop after-record"],
)
def test_it_is_let_go_whatever_became_of_it(sink: Sink, deliver: Deliver, rule: str) -> None:
    tray = Tray()
    kept = Envelope("n@x.org", "a@x.org", LongContent([b"To: a@x.org\r\n\r\n", SharedLines(FILE)]))
    tray.waiting = [kept]
    deliver(sink(*filter(None, [rule])), tray)
    assert len(tray.outcomes) == 1 and len(kept.content) == 0


# A server that reads slowly, or goes

Reading = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def serve(reading: Reading, meanwhile: Callable[[int], Awaitable[None]]) -> None:
    """A server that reads a content as `reading` says, from 354 on."""

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 slow\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reading(reader, writer)
            elif line.upper().startswith(b"QUIT"):
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(visit, "127.0.0.1", 0, limit=64 * 1024)
    async with server:
        await meanwhile(server.sockets[0].getsockname()[1])


@pytest.mark.usefixtures("each_loop")
def test_no_more_than_a_slice_of_it_waits_for_a_slow_server() -> None:
    waited: list[int] = []

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tail = b""
        while not tail.endswith(b"\r\n.\r\n"):
            tail = (tail + await reader.read(MEBIBYTE // 4))[-5:]
            await asyncio.sleep(0.02)
        writer.write(b"250 taken\r\n")

    async def send(port: int) -> None:
        session = await Session.open(Server("127.0.0.1", port, timeout=5))
        content = LongContent([b"To: a@x.org\r\n\r\n", *[SharedLines(FILE)] * 4])

        async def watch() -> None:
            while True:
                waited.append(session._wire.transport.get_write_buffer_size())
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        assert (await session.send(Envelope("n@x.org", "a@x.org", content), marked)).code == 250
        watching.cancel()
        await session.close()

    asyncio.run(serve(slowly, send))
    assert 0 < max(waited) <= transaction.AT_ONCE


async def marked() -> bool:
    return True


async def _hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(MEBIBYTE)
    writer.close()


async def _refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(MEBIBYTE)
    writer.write(b"552 5.3.4 Too much\r\n")


@pytest.mark.usefixtures("each_loop")
@pytest.mark.parametrize(
    ("reading", "kind", "scope"),
    [(_hangs_up, "temporary", "session"), (_refuses, "permanent", "delivery")],
)
def test_what_ends_in_the_middle_never_had_its_dot(reading: Reading, kind: str, scope: str) -> None:
    async def send(port: int) -> None:
        session = await Session.open(Server("127.0.0.1", port, timeout=5))
        content = LongContent([b"To: a@x.org\r\n\r\n", *[SharedLines(FILE)] * 8])
        with pytest.raises(Failure) as failed:
            await session.send(Envelope("n@x.org", "a@x.org", content), marked)
        assert (failed.value.stage, failed.value.kind, failed.value.scope) == ("data", kind, scope)
        assert session.closed

    asyncio.run(serve(reading, send))


def test_nothing_of_it_leaves_before_the_mark(sink: Sink, deliver: Deliver) -> None:
    tray = Tray()
    tray.waiting = [Envelope("n@x.org", "a@x.org", LongContent([SharedLines(FILE)]))]
    tray.refuse = {"a@x.org"}
    server = sink()
    deliver(server, tray)
    assert tray.log[0] == ("mark", "a@x.org")
    assert not server.messages()
