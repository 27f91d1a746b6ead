from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from mailroom.smtp.failure import Failure
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session
from tests.smtp.conftest import Deliver, Sink, Tray

pytestmark = pytest.mark.usefixtures("each_loop")


async def reopening(server: Server, letters: Tray, tries: int = 3) -> None:
    """What an engine does: reopen as long as sessions end and something waits."""
    for _ in range(tries):
        session = await Session.open(server)
        await session.run(letters)
        if not session.closed:
            await session.close()
            return


@pytest.mark.parametrize("lie", ["flushes", "forgets", "hangs-up", "scrambles"])
def test_a_server_that_lies_gets_the_plain_dialogue(sink: Sink, tray: type[Tray], lie: str) -> None:
    server = sink(pipelining=lie)
    settings = Server("127.0.0.1", server.port, timeout=0.3)
    letters = tray("a@x.org", "b@x.org", "c@x.org", "d@x.org")
    asyncio.run(reopening(settings, letters))
    outcomes = letters.outcomes
    assert not settings.learned.can_pipeline
    for failure in (outcome for outcome in outcomes.values() if isinstance(outcome, Failure)):
        assert (failure.kind, failure.scope) == ("temporary", "session")
    sent = {name for name, outcome in outcomes.items() if isinstance(outcome, Reply)}
    assert {message.recipient for message in server.messages()} == sent
    assert {"c@x.org", "d@x.org"} <= sent


@pytest.mark.parametrize(
    "rule", ["reply rcpt 503 5.5.1 MAIL comes first", "reply mail 554 SMTP synchronization error"]
)
def test_a_reply_out_of_step_condemns_no_delivery(sink: Sink, deliver: Deliver, rule: str) -> None:
    failure = deliver(sink(f"any: {rule}"), "a@x.org").failures["a@x.org"]
    assert (failure.kind, failure.scope) == ("temporary", "session")


def test_a_message_wanted_for_a_refused_recipient_is_not_sent(sink: Sink, tray: type[Tray]) -> None:
    server = sink("rcpt bad: reply rcpt 550 5.1.1 No such user", "message 2: reply data 354 go on")
    settings = Server("127.0.0.1", server.port, timeout=2)
    letters = tray("a@x.org", "bad@x.org", "b@x.org")
    asyncio.run(reopening(settings, letters))
    assert letters.failures["bad@x.org"].code == 550
    assert letters.failures["bad@x.org"].kind == "permanent"
    assert [message.recipient for message in server.messages()] == ["a@x.org", "b@x.org"]
    assert not settings.learned.can_pipeline


def test_a_content_and_the_next_envelope_leave_in_one_write(tray: type[Tray]) -> None:
    """A server written out here, to see what each of its reads brings."""
    reads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        client.sendall(b"220 hello\r\n")
        client.recv(1000)
        client.sendall(b"250-hello\r\n250 PIPELINING\r\n")
        for answer in (
            b"250 a\r\n250 b\r\n354 c\r\n",
            b"250 first\r\n250 a\r\n250 b\r\n354 c\r\n",
            b"250 second\r\n",
            b"221 bye\r\n",
        ):
            reads.append(client.recv(10_000))
            client.sendall(answer)
        client.close()

    thread = threading.Thread(target=serve)
    thread.start()
    letters = tray("a@x.org", "b@x.org")
    settings = Server("127.0.0.1", listener.getsockname()[1], timeout=5)
    asyncio.run(reopening(settings, letters))
    thread.join()
    listener.close()
    assert [str(outcome) for outcome in letters.outcomes.values()] == ["250 first", "250 second"]
    assert reads[0] == b"MAIL FROM:<news@example.org>\r\nRCPT TO:<a@x.org>\r\nDATA\r\n"
    assert reads[1].endswith(b"hello\r\n.\r\nMAIL FROM:<news@example.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n")
    assert reads[2].endswith(b"hello\r\n.\r\n")
    assert letters.log == [
        ("mark", "a@x.org"),
        ("outcome", "a@x.org"),
        ("mark", "b@x.org"),
        ("outcome", "b@x.org"),
    ]


def test_a_message_is_recorded_before_the_next_is_marked(
    sink: Sink, deliver: Deliver, tray: type[Tray]
) -> None:
    names = [f"{number}@x.org" for number in range(20)]
    log = deliver(sink(), tray(*names)).log
    assert log == [(what, name) for name in names for what in ("mark", "outcome")]


def test_an_outcome_does_not_wait_for_a_slow_next_envelope(sink: Sink, tray: type[Tray]) -> None:
    server = sink("rcpt slow: delay rcpt 1")
    letters = tray("a@x.org", "slow@x.org")

    async def watch() -> None:
        session = await Session.open(Server("127.0.0.1", server.port, timeout=5))
        running = asyncio.create_task(session.run(letters))
        await asyncio.sleep(0.4)
        assert list(letters.outcomes) == ["a@x.org"]
        await running

    asyncio.run(watch())
    assert len(letters.outcomes) == 2


def test_words_that_nobody_asked_for_end_the_session(sink: Sink, deliver: Deliver, tray: type[Tray]) -> None:
    server = sink("message 1: garbage data 354 go\\r\\n250 2.0.0 Ok: a lie\\r\\n")
    failure = deliver(server, tray("a@x.org", "b@x.org")).failures["a@x.org"]
    assert (failure.kind, failure.scope) == ("temporary", "session")
    assert not server.messages()
