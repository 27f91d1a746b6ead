"""A file of 25 MB to many people: every session sends it, and its worker holds it once."""

from __future__ import annotations

import email
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from email import policy
from pathlib import Path
from typing import BinaryIO

import pytest

from mailroom.content.content import Attachment, Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.whole.original import HandedIn
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.handed_in import submission_of
from mailroom.engine.accept.submission import Submission
from tests.engine.conftest import Start
from tests.memory import MEBIBYTE, peak_of
from tests.servers import Valkey
from tests.system import SENDER, System

SESSIONS = 5


class ReadingServer:
    """A mail server that takes all, a thread for each connection, and reads contents in its own way."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def read_content(self, connection: socket.socket, lines: BinaryIO) -> None:
        raise NotImplementedError

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._visit, args=(connection,), daemon=True).start()

    def _visit(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 here\r\n")
            while line := lines.readline():
                connection.sendall(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 ok\r\n")
                if line.startswith(b"DATA"):
                    return self.read_content(connection, lines)


class SlowServer(ReadingServer):
    """Reads contents at a megabyte a second each, and counts those that it is in the middle of."""

    def __init__(self) -> None:
        self.read: dict[int, int] = {}  # octets of a content, by connection
        super().__init__()

    def read_content(self, connection: socket.socket, lines: BinaryIO) -> None:
        while True:
            began = len(lines.read(MEBIBYTE // 10))
            self.read[connection.fileno()] = self.read.get(connection.fileno(), 0) + began
            time.sleep(0.1)


@pytest.fixture
def server() -> Iterator[SlowServer]:
    server = SlowServer()
    yield server
    server.close()


def test_five_sessions_to_a_slow_server_hold_one_copy(start: Start, server: SlowServer) -> None:
    system = start(MAILROOM_CONNECTIONS=str(SESSIONS), MAIL_PORT=str(server.port))
    file = Attachment("film.bin", "video/mp4", os.urandom(25 * 1_000_000))
    content = Content(SENDER, "A film", text="Here it is.", attachments=(file,))
    people = [Recipient(f"person{number}@mail.example") for number in range(20)]
    accept(system.database, system.queue, Submission(content, people))
    system.before_workers = ["env"]  # started, not forked from what tests have loaded
    pool = system.start_workers(1, MAIL_PORT=str(server.port))
    system.wait(lambda: sum(octets > 2 * MEBIBYTE for octets in server.read.values()) == SESSIONS, 60)
    (worker,) = system.workers(pool)
    assert peak_of(worker) < 150 * MEBIBYTE


def test_five_sessions_hold_none_of_five(start: Start, server: SlowServer) -> None:
    """A file of its own for each: what waits for a slow server waits on the disk."""
    system = start(MAILROOM_CONNECTIONS=str(SESSIONS), MAIL_PORT=str(server.port))
    mailings_with_files(system, SESSIONS)
    system.before_workers = ["env"]
    pool = system.start_workers(1, MAIL_PORT=str(server.port))
    system.wait(lambda: sum(octets > 2 * MEBIBYTE for octets in server.read.values()) == SESSIONS, 60)
    (worker,) = system.workers(pool)
    assert peak_of(worker) < 150 * MEBIBYTE


def test_each_gets_all_of_it(tmp_path: Path, sqlite_url: str, valkey: Valkey) -> None:
    octets, text = os.urandom(6_000_001), ".\n..\n" + "x" * 100 + "\n.\n"
    file = Attachment("film.bin", "video/mp4", octets)
    content = Content(SENDER, "For {{ name }}", text=f"{{{{ name }}}}\n{text}", attachments=(file,))
    people = [Recipient(f"person{number}@mail.example", f"P{number}") for number in range(12)]
    head = b"From: post@mailroom.example\r\nTo: ann@mail.example\r\nSubject: whole\r\n\r\n"
    whole = head + b"".join(b".%d\r\n" % number for number in range(800_000))
    handed = HandedIn(whole, "post@mailroom.example", ["ann@mail.example", "bob@mail.example"])
    with System(tmp_path, sqlite_url, valkey.url, (), "--keep") as system:
        individual = accept(system.database, system.queue, Submission(content, people)).mailing_id
        original = accept(system.database, system.queue, submission_of(handed, None)).mailing_id
        system.start_workers(1)
        for mailing_id in (individual, original):
            system.wait_until_over(mailing_id, 60)
        messages = system.sink.messages()
    assert len(messages) == len(people) + 2
    for message in messages:
        parsed = email.message_from_bytes(message.raw, policy=policy.SMTP)
        if parsed["Subject"] == "whole":
            assert message.raw.endswith(whole.partition(b"\r\n\r\n")[2])
            continue
        body, attached = parsed.iter_parts()
        name = f"P{message.recipient.removeprefix('person').partition('@')[0]}"
        assert parsed["Subject"] == f"For {name}"
        assert body.get_content().replace("\r\n", "\n") == f"{name}\n{text}"
        assert attached.get_payload(decode=True) == octets


class DroppingServer(ReadingServer):
    """Hangs up in the middle of each content."""

    def __init__(self) -> None:
        self.dropped = 0
        super().__init__()

    def read_content(self, connection: socket.socket, lines: BinaryIO) -> None:
        lines.read(MEBIBYTE)
        self.dropped += 1


@pytest.fixture
def dropping() -> Iterator[DroppingServer]:
    server = DroppingServer()
    yield server
    server.close()


def mailings_with_files(system: System, number: int) -> list[int]:
    """Each with a file of its own, and too large for a batch with others."""
    made = []
    for of in range(number):
        file = Attachment("film.bin", "video/mp4", os.urandom(25 * 1_000_000))
        content = Content(SENDER, f"Film {of}", text="Here it is.", attachments=(file,))
        people = [Recipient(f"person{of}@mail.example")]
        made.append(accept(system.database, system.queue, Submission(content, people)).mailing_id)
    return made


def test_what_was_sent_is_let_go(tmp_path: Path, sqlite_url: str, valkey: Valkey) -> None:
    """Six of them, one after the other, once had 280 MiB."""
    with System(tmp_path, sqlite_url, valkey.url) as system:
        system.before_workers = ["env"]
        pool = system.start_workers(1)
        for _ in range(6):
            (mailing_id,) = mailings_with_files(system, 1)
            system.wait_until_over(mailing_id, 60)
        (worker,) = system.workers(pool)
        assert peak_of(worker) < 150 * MEBIBYTE


def test_what_could_not_be_sent_is_let_go(start: Start, dropping: DroppingServer) -> None:
    system = start(MAIL_PORT=str(dropping.port))
    mailings_with_files(system, 6)
    system.before_workers = ["env"]
    pool = system.start_workers(1, MAIL_PORT=str(dropping.port))
    system.wait(lambda: dropping.dropped >= 6, 60)
    (worker,) = system.workers(pool)
    assert peak_of(worker) < 150 * MEBIBYTE
