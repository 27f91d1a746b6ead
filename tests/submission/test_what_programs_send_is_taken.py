"""What programs that speak SMTP send beside the bare minimum: it is taken, or refused with a reason."""

from __future__ import annotations

import shutil
import smtplib
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select
from sqlalchemy.exc import DataError, OperationalError, StatementError

from mailroom.database.engine import Database
from mailroom.engine.accept.submission import SubmissionRefused
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import mailings, originals
from mailroom.queue import Queue
from mailroom.settings import Settings
from mailroom.submission import protocol, reception
from mailroom.submission.limits import LARGEST_SUBMISSION
from tests.ports import own_port
from tests.servers import STARTED_WITHIN, Valkey, wait_until
from tests.submission.conftest import Submission

LETTER = "From: ann@example.com\r\nTo: bob@example.org\r\nSubject: s\r\n\r\nHi\r\n"


class Client:
    """Says lines as they stand, several at once too, and reads one reply after the other."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._file = self._socket.makefile("rb")
        self.greeting = self.reply()

    def ask(self, *lines: str) -> list[str]:
        """A reply for each."""
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())
        return [self.reply() for _ in lines]

    def reply(self) -> str:
        read = [self._file.readline().decode().rstrip("\r\n")]
        while read[-1][3:4] == "-":
            read.append(self._file.readline().decode().rstrip("\r\n"))
        return "\n".join(read)

    def hand_in(self, message: str) -> str:
        assert self.ask("DATA") == ["354 End data with <CR><LF>.<CR><LF>"]
        return self.ask(f"{message}.")[0]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Port:
    def __init__(self, submission: Submission, ledger: Database) -> None:
        self.port, self.ledger = submission.port, ledger

    @contextmanager
    def client(self, *senders: str) -> Iterator[Client]:
        """One that signed in, with a key that may send as `senders`, or as anybody."""
        with self.ledger.begin() as connection:
            key = api_keys.add(connection, "test", scopes=["send"], senders=senders)[0]
        client = Client(self.port)
        try:
            client.ask("EHLO client.example")
            assert client.ask("AUTH plain " + b64encode(f"\0any\0{key}".encode()).decode())[0][:3] == "235"
            yield client
        finally:
            client.close()

    def envelope_sender(self, reply: str) -> str:
        uid = reply.rpartition(" ")[2]
        joined = originals.join(mailings, mailings.c.id == originals.c.mailing_id)
        with self.ledger.read() as connection:
            found = select(originals.c.envelope_sender).select_from(joined).where(mailings.c.uid == uid)
            return str(connection.execute(found).scalar_one())


@pytest.fixture(scope="module")
def port(
    _sqlite_template: Path, module_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Port]:
    folder = tmp_path_factory.mktemp("port")
    shutil.copy(_sqlite_template, folder / "mailroom.db")
    url = f"sqlite:///{folder / 'mailroom.db'}"
    environment = {
        "SECRET_KEY": "a secret for tests only",
        "DATABASE_URL": url,
        "REDIS_URL": module_valkey.url,
    }
    submission = Submission(
        folder, environment | {"MAIL_SERVER": "127.0.0.1", "MAILROOM_HOME": str(folder / "home")}
    )
    wait_until(submission.is_ready, 20, "submission")
    ledger = Database(url)
    yield Port(submission, ledger)
    submission.stop()
    ledger.dispose()


def test_the_null_path_is_anybody_s_and_the_author_stands_for_it(port: Port) -> None:
    with port.client("example.com") as client:
        assert client.ask("MAIL FROM:<>", "RCPT TO:<bob@example.org>") == ["250 2.1.0 OK", "250 2.1.5 OK"]
        accepted = client.hand_in(LETTER)
        assert accepted[:9] == "250 2.6.0" and port.envelope_sender(accepted) == "ann@example.com"
        client.ask("MAIL FROM: <>", "RCPT TO:<bob@example.org>")
        refused = client.hand_in(LETTER.replace("ann@example.com", "ceo@victim.example"))
        assert refused == "550 5.7.1 This API key may not send from ceo@victim.example"
        assert client.ask("MAIL FROM:<>", "MAIL FROM:<>")[1][:9] == "503 5.5.1"


@pytest.mark.parametrize(
    "parameters",
    [
        *("BODY=8BITMIME", "body=7bit", "SIZE=1000", "SIZE=0", "AUTH=<>", "AUTH=ann+2Bx@example.com"),
        *("RET=HDRS ENVID=Q+2B17=x", "RET=FULL", "SMTPUTF8", "MT-PRIORITY=-4"),
        *(f"SIZE=1000 BODY=8BITMIME AUTH={'a' * 500} ENVID={'b' * 100} RET=FULL", " SIZE=10  AUTH=<> "),
    ],
)
def test_parameters_of_a_sender_are_taken(port: Port, parameters: str) -> None:
    with port.client() as client:
        assert client.ask(f"MAIL FROM:<ann@example.com> {parameters}") == ["250 2.1.0 OK"]


@pytest.mark.parametrize(
    "parameters",
    [
        *("NOTIFY=NEVER", "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;bob+2Bx@example.org"),
        f"orcpt=rfc822;{'b' * 490}",
    ],
)
def test_parameters_of_a_recipient_are_taken(port: Port, parameters: str) -> None:
    with port.client() as client:
        asked = client.ask("MAIL FROM:<ann@example.com>", f"RCPT TO:<bob@example.org> {parameters}")
        assert asked[1] == "250 2.1.5 OK"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MAIL FROM:<ann@example.com> REQUIRETLS", "555 5.5.4"),
        ("MAIL FROM:<ann@example.com> HOLDFOR=600", "555 5.5.4"),
        ("MAIL FROM:<ann@example.com> NOTIFY=NEVER", "555 5.5.4"),
        ("MAIL FROM:<ann@example.com> BODY=BINARYMIME", "501 5.5.4"),
        ("MAIL FROM:<ann@example.com> SIZE=large", "501 5.5.4"),
        (f"MAIL FROM:<ann@example.com> SIZE={'9' * 400}", "501 5.5.4"),
        (f"MAIL FROM:<ann@example.com> SIZE={LARGEST_SUBMISSION + 1}", "552 5.3.4"),
        ("MAIL FROM:<ann@example.com> =", "501 5.5.4"),
        ("MAIL FROM:<ann@example.com>SIZE=1", "501 5.5.4"),
        *((f"MAIL{rest}", "501 5.5.4") for rest in ("", " FROM:", " ann@example.com", " FROM:<", ' FROM:<"')),
        *((f"MAIL FROM:{path}", "553 5.1.7") for path in ("<ann>", "<@>", "<a@b@c.org>", "<a@b..c.org>")),
        ("MAIL FROM:<jörg@example.com>", "553 5.1.7"),
        (f"MAIL FROM:<{'a' * 3000}@example.com>", "553 5.1.7"),
        (f"MAIL FROM:<{'a' * 5000}@example.com>", "500 5.5.2"),
        ("VRFY <", "252 2.5.0"),
        ("EXPN staff", "502 5.5.1"),
        ("NOOP", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("HELP", "250 2.0.0"),
        ("HELP nothing", "501 5.5.4"),
        ("RCPT TO:<bob@example.org>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("AUTH PLAIN", "503 5.5.1"),
        ("STARTTLS", "454 4.7.0"),
        ("BDAT 3 LAST", "500 5.5.2"),
        ("", "500 5.5.2"),
        ("\u00e9", "500 5.5.2"),
    ],
)
def test_every_reply_has_an_enhanced_code_and_no_mistake_is_put_off(
    port: Port, line: str, reply: str
) -> None:
    with port.client() as client:
        assert client.ask(line)[0][:9] == reply
        assert client.ask("QUIT")[0][:9] == "221 2.0.0"


def test_routes_of_old_and_domains_in_other_scripts_are_read(port: Port) -> None:
    with port.client() as client:
        assert client.ask("MAIL FROM:<@a.example,@b.example:ann@example.com>") == ["250 2.1.0 OK"]
        assert (
            client.ask("RCPT TO:<bob@münchen.example>", "RCPT TO:eve@example.org NOTIFY=NEVER")
            == ["250 2.1.5 OK"] * 2
        )
        assert client.ask("RCPT TO:<>")[0][:9] == "553 5.1.3"


def test_it_says_what_it_can(port: Port) -> None:
    client = Client(port.port)
    said = client.ask("EHLO client.example")[0].split("\n")
    client.close()
    words = {line[4:].partition(" ")[0] for line in said[1:]}
    assert words == {"PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SIZE", "AUTH", "HELP"}
    assert client.greeting.startswith("220 ") and not any(
        line[4].isdigit() and line[5] == "." for line in said
    )


def test_a_group_of_commands_in_one_write_is_answered_in_order(port: Port) -> None:
    message = LETTER + "..dot\r\nMAIL FROM:<not@a.command>\r\n."
    group = ["MAIL FROM:<ann@example.com> SIZE=100", "RCPT TO:<nobody>", "RCPT TO:<bob@example.org>", "DATA"]
    with port.client() as client:
        codes = [reply[:9] for reply in client.ask(*group)]
        assert codes == ["250 2.1.0", "553 5.1.3", "250 2.1.5", "354 End d"]
        # The next message's group follows on the last dot in the same write (RFC 2920, 3.1).
        client._socket.sendall("\r\n".join([message, *group, ""]).encode())
        codes = [client.reply()[:9] for _ in range(5)]
        assert codes == ["250 2.6.0", "250 2.1.0", "553 5.1.3", "250 2.1.5", "354 End d"]
        assert client.ask(message)[0][:9] == "250 2.6.0"
        # Nobody of whom is known: no message may come.
        codes = [
            reply[:9] for reply in client.ask("MAIL FROM:<>", "RCPT TO:<nobody>", "DATA", "RSET", "QUIT")
        ]
        assert codes == ["250 2.1.0", "553 5.1.3", "503 5.5.1", "250 2.0.0", "221 2.0.0"]


def test_a_group_that_comes_octet_by_octet_is_the_same(port: Port) -> None:
    with port.client() as client:
        client._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n":
            client._socket.sendall(bytes([octet]))
        assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "354"]


def test_an_answer_that_is_too_long_is_refused_for_good(port: Port) -> None:
    client = Client(port.port)
    client.ask("EHLO client.example")
    assert client.ask("AUTH LOGIN")[0][:3] == "334"
    assert client.ask("a" * 40_000)[0][:9] == "500 5.5.6"
    client.close()


MISTAKES = [
    *(ValueError("x"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), LookupError("unknown encoding")),
    *(
        RecursionError(),
        OverflowError(),
        SubmissionRefused([("to", "No.")]),
        DataError("INSERT", None, Exception()),
    ),
    StatementError("x", "INSERT", None, UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")),
]
OURS = [OSError("disk full"), MemoryError(), OperationalError("INSERT", None, Exception("locked"))]


@pytest.mark.parametrize(
    ("error", "code"),
    [*((error, "554 5.6.0") for error in MISTAKES), *((error, "451 4.3.0") for error in OURS)],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_only_our_own_trouble_is_to_be_tried_again(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
    ledger: Database,
    key: str,
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(reception, "accept", breaks)
    queue = Queue(settings.redis_url)

    class Here(Controller):
        def factory(self) -> protocol.SubmissionProtocol:
            return protocol.SubmissionProtocol(self.handler, "mail.example", None)

    server = Here(
        reception.Reception(ledger, queue, settings),
        hostname="127.0.0.1",
        port=own_port(),
        ready_timeout=STARTED_WITHIN,
    )
    server.start()
    try:
        with (
            smtplib.SMTP("127.0.0.1", server.port) as client,
            pytest.raises(smtplib.SMTPDataError) as refusal,
        ):
            client.login("anybody", key)
            client.sendmail("ann@example.com", ["bob@example.org"], LETTER)
    finally:
        server.stop()
        queue.close()
    assert f"{refusal.value.smtp_code} {refusal.value.smtp_error.decode()}".startswith(code)  # type: ignore[union-attr]
