"""Connections have bounds: how many there are, how long they take, and how much they say."""

from __future__ import annotations

import asyncio
import resource
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from mailroom.database.engine import Database
from mailroom.proxies import source
from mailroom.queue import Queue
from mailroom.settings import Settings
from mailroom.submission.door import Door, Guesses
from mailroom.submission.limits import SubmissionLimits
from mailroom.submission.protocol import SubmissionProtocol
from mailroom.submission.reception import Reception
from tests.ports import own_port
from tests.servers import wait_until
from tests.submission.conftest import Submission

LETTER = "From: ann@example.com\r\nTo: bob@example.org\r\nSubject: s\r\n\r\nHi\r\n"
SMALL = SubmissionLimits(
    strangers=5,
    clients=4,
    sign_in_seconds=2,
    idle_seconds=3,
    patience=1,
    pace=2_000,
    strangers_replies=20,
    replies=60,
    strangers_errors=4,
    errors=20,
    free_guesses=3,
    late_seconds=0.5,
)


class Port:
    """The submission port in this process, with limits that a test can reach."""

    def __init__(self, settings: Settings, limits: SubmissionLimits) -> None:
        self.port = own_port()
        self.door = Door(limits)
        self._database, self._queue = Database(settings.database_url), Queue(settings.redis_url)
        self._reception = Reception(self._database, self._queue, settings)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self.door.of_a_loop(_, context))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)

    async def _serve(self) -> None:
        def protocol() -> SubmissionProtocol:
            return SubmissionProtocol(self._reception, "mail.example", None, self.door)

        await self._loop.create_server(protocol, "127.0.0.1", self.port)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._queue.close()
        self._database.dispose()


@pytest.fixture
def make_port(settings: Settings) -> Iterator[Callable[..., Port]]:
    ports: list[Port] = []

    def make(**changes: float) -> Port:
        ports.append(Port(settings, replace(SMALL, **changes)))  # type: ignore[arg-type]
        return ports[-1]

    yield make
    for port in ports:
        port.stop()


@pytest.fixture
def port(make_port: Callable[..., Port]) -> Port:
    return make_port()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def stranger(port: Port | Submission, clients: ExitStack) -> socket.socket:
    return clients.enter_context(socket.create_connection(("127.0.0.1", port.port), 10))


def signed_in(port: Port | Submission, key: str, clients: ExitStack) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", port.port, timeout=20)
    clients.callback(client.close)
    client.login("anybody", key)
    return client


def heard(client: socket.socket, seconds: float = 10) -> bytes:
    """All that is said to it until the connection ends."""
    client.settimeout(seconds)
    words = b""
    with suppress(ConnectionError):
        while got := client.recv(65536):
            words += got
    return words


def test_a_crowd_of_strangers_loses_the_one_that_waits_longest(port: Port, clients: ExitStack) -> None:
    waiting = [stranger(port, clients) for _ in range(6)]
    assert b"421 4.7.0" in heard(waiting[0])
    assert len(port.door.strangers) == 5
    waiting[1].sendall(b"NOOP\r\n")
    assert waiting[1].recv(1000).startswith(b"220")


def test_strangers_never_push_out_who_signed_in(port: Port, clients: ExitStack, key: str) -> None:
    client = signed_in(port, key, clients)
    for _ in range(30):
        stranger(port, clients)
    assert client.noop()[0] == 250
    signed_in(port, key, clients).sendmail("ann@example.com", ["bob@example.org"], LETTER)


def test_of_clients_the_key_with_most_loses_the_idlest(
    port: Port, clients: ExitStack, make_key: Callable[..., str]
) -> None:
    mine, theirs = make_key(), make_key()
    one = signed_in(port, mine, clients)
    many = [signed_in(port, theirs, clients) for _ in range(3)]
    assert many[0].noop()[0] == 250  # so many[1] has been idle the longest
    many.append(signed_in(port, theirs, clients))
    with pytest.raises(smtplib.SMTPServerDisconnected):
        many[1].noop()
        many[1].noop()
    assert [client.noop()[0] for client in (one, many[0], many[2], many[3])] == [250] * 4


def test_a_stranger_has_to_sign_in_soon_whatever_it_says(port: Port, clients: ExitStack) -> None:
    client = stranger(port, clients)
    began = time.monotonic()
    with suppress(ConnectionError):
        for _ in range(12):
            client.sendall(b"NOOP\r\n")
            time.sleep(0.3)
    assert b"421 4.4.2" in heard(client)
    assert time.monotonic() - began < 10
    assert len(port.door.strangers) == 0


def test_a_client_may_be_idle_longer_than_a_stranger(port: Port, clients: ExitStack, key: str) -> None:
    client = signed_in(port, key, clients)
    time.sleep(2.4)
    assert client.noop()[0] == 250
    assert b"421 4.4.2" in heard(client.sock)  # type: ignore[arg-type]


def test_a_message_that_drips_is_cut_off_and_one_that_flows_is_not(
    port: Port, clients: ExitStack, key: str
) -> None:
    flowing, dripping = signed_in(port, key, clients), signed_in(port, key, clients)
    socket_of_the_second = dripping.sock
    assert socket_of_the_second is not None
    for client in (flowing, dripping):
        client.mail("ann@example.com")
        client.rcpt("bob@example.org")
        assert client.docmd("DATA")[0] == 354
    flowing.send(LETTER)
    for _ in range(20):
        with suppress(OSError):
            socket_of_the_second.sendall(b"x")
        flowing.send("x" * 998 + "\r\n")
        time.sleep(0.15)
    flowing.send("\r\n.\r\n")
    assert flowing.getreply()[0] == 250
    assert b"421 4.4.2" in heard(socket_of_the_second)


def test_who_reads_no_replies_is_let_go(port: Port, clients: ExitStack, key: str) -> None:
    client = signed_in(port, key, clients).sock
    assert client is not None
    client.settimeout(1)
    with suppress(OSError):
        while True:
            client.sendall(b"HELP\r\n" * 1000)
    wait_until(lambda: len(port.door.clients) == 0, 10, "the client to be let go")


@pytest.mark.parametrize(
    "words", ["NOOP", "RSET", "EHLO x", "HELP", "VRFY x", "XYZZY", "", "\xff", "MAIL FROM:<a@b.example>"]
)
@pytest.mark.parametrize("who", ["stranger", "client"])
def test_nobody_goes_on_without_end(
    make_port: Callable[..., Port], clients: ExitStack, key: str, words: str, who: str
) -> None:
    port = make_port(sign_in_seconds=60, idle_seconds=60)
    client = stranger(port, clients) if who == "stranger" else signed_in(port, key, clients).sock
    assert client is not None
    with suppress(OSError):
        for _ in range(200):
            client.sendall(words.encode("latin-1") + b"\r\n")
    words_heard = heard(client)
    assert len(words_heard.split(b"\r\n")) < 300
    wait_until(lambda: not len(port.door.strangers) + len(port.door.clients))


def test_a_client_that_hands_in_messages_may_go_on(
    make_port: Callable[..., Port], clients: ExitStack, key: str
) -> None:
    client = signed_in(make_port(), key, clients)
    for _ in range(30):
        client.sendmail("ann@example.com", ["bob@example.org"], LETTER)


def test_wrong_keys_end_the_connection_and_come_late_but_a_right_one_never_waits(
    make_port: Callable[..., Port], clients: ExitStack, key: str
) -> None:
    port = make_port(strangers=50, sign_in_seconds=60)
    took = []
    for _ in range(3):
        client = smtplib.SMTP("127.0.0.1", port.port, timeout=20)
        clients.callback(client.close)
        client.ehlo()
        with suppress(smtplib.SMTPServerDisconnected):
            for _ in range(5):
                began = time.monotonic()
                code, _ = client.docmd("AUTH", "PLAIN AGEAbXJfd3Jvbmc=")
                took.append(time.monotonic() - began)
                assert code in (535, 421)
    assert len(took) < 13
    assert max(took) > 0.4
    began = time.monotonic()
    signed_in(port, key, clients)
    assert time.monotonic() - began < 0.4


def test_the_delay_of_a_wrong_key_has_an_end() -> None:
    now = [0.0]
    guesses = Guesses(SubmissionLimits(), lambda: now[0])
    assert [guesses.wrong("a") for _ in range(20)] == [0.0] * 10 + [1.0, 2.0, 3.0, 4.0] + [5.0] * 6
    assert guesses.wrong("b") == 0
    now[0] = 61
    assert guesses.wrong("a") == 0


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_network_of_ipv6_is_one_address(peer: str, address: str) -> None:
    assert source(peer) == address


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_eleven_hundred_strangers_shut_nothing(submission: Submission, clients: ExitStack, key: str) -> None:
    before = signed_in(submission, key, clients)
    for _ in range(1_100):
        stranger(submission, clients)
    assert before.noop()[0] == 250
    signed_in(submission, key, clients).sendmail("ann@example.com", ["bob@example.org"], LETTER)
    assert "Traceback" not in submission.log() and len(submission.log()) < 5_000


@pytest.mark.usefixtures("many_files")
def test_a_process_that_may_open_few_files_goes_on(
    tmp_path: Path,
    settings_env: dict[str, str],
    clients: ExitStack,
    key: str,
) -> None:
    """Where nobody can raise the limit: accepting fails, and is told in a line."""
    submission = Submission(tmp_path, settings_env, ["sh", "-c", 'ulimit -n 80; exec "$@"', "sh"])
    try:
        wait_until(submission.is_ready, 20, "submission")
        assert resource.prlimit(submission.process.pid, resource.RLIMIT_NOFILE) == (80, 80)
        for _ in range(300):
            stranger(submission, clients)
        time.sleep(3)
        signed_in(submission, key, clients).sendmail("ann@example.com", ["bob@example.org"], LETTER)
        assert "Traceback" not in submission.log() and len(submission.log()) < 5_000
    finally:
        submission.stop()


@pytest.mark.parametrize(
    "words",
    {
        "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500,
        "an HTTP request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "octets": bytes(range(256)) * 100,
        "a line without end": b"x" * 1_000_000,
        "NULs": b"\0" * 1000 + b"\r\n",
        "an AUTH that stops": b"EHLO x\r\nAUTH LOGIN\r\n",
        "an AUTH of nonsense": b"EHLO x\r\nAUTH PLAIN ====\r\nAUTH PLAIN \xff\r\n",
        "nothing": b"",
    }.values(),
)
def test_what_clients_do_to_their_connections_fills_no_log(
    submission: Submission, clients: ExitStack, key: str, words: bytes
) -> None:
    for number in range(50):
        client = stranger(submission, clients)
        with suppress(OSError):
            client.sendall(words)
        if number % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        client.close()
    signed_in(submission, key, clients)
    assert "Traceback" not in submission.log() and len(submission.log()) < 5_000
