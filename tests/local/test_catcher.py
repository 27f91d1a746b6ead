"""The catcher keeps every mail in the Maildir; in the slow one each session waits for itself."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from pathlib import Path

import pytest

from mailroom.local import parent_death
from mailroom.local.ports import is_free
from tests.ports import own_port
from tests.servers import wait_until

Start = Callable[..., int]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a catcher on the Maildir tmp_path/inbox; returns its port."""
    started: list[subprocess.Popen[bytes]] = []

    def _start(*options: str) -> int:
        port = own_port()
        words = ["-m", "mailroom.local.catcher", "--port", str(port), "--maildir", str(tmp_path / "inbox")]
        started.append(subprocess.Popen(parent_death.command([sys.executable, *words, *options])))
        wait_until(lambda: not is_free(port), what="the catcher")
        return port

    yield _start
    for process in started:
        process.terminate()
    assert [process.wait(5) for process in started] == [0] * len(started)


def send(port: int, number: int = 1, content: bytes = b"Subject: hello\r\n\r\nHello.\r\n") -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        for n in range(number):
            client.sendmail("sender@example.org", [f"r{n}@example.org", f"s{n}@example.org"], content)


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "inbox" / "new").iterdir())


def test_a_mail_is_one_file_as_it_came(start: Start, tmp_path: Path) -> None:
    content = b"Subject: hello\r\n\r\n.one dot\r\n..two dots\r\n" + b"x" * 5000 + b"\r\n\xff\r\n"
    send(start(), content=content)
    (path,) = kept(tmp_path)
    assert path.read_bytes().endswith(content)


def test_the_envelope_stands_before_it(start: Start, tmp_path: Path) -> None:
    send(start())
    message = message_from_bytes(kept(tmp_path)[0].read_bytes())
    assert message["Return-Path"] == "<sender@example.org>"
    assert message["X-Envelope-From"] == "sender@example.org"
    assert message.get_all("X-Envelope-To") == ["r0@example.org", "s0@example.org"]
    assert message["X-Mailroom-Catcher"] == "catcher"
    assert message["Subject"] == "hello"


def test_names_sort_by_time_and_say_which_catcher(start: Start, tmp_path: Path) -> None:
    quick, slow = start(), start("--delay", "0.01")
    before = time.time_ns() // 1000
    send(quick)
    send(slow)
    send(quick)
    names = [path.name for path in kept(tmp_path)]
    assert [name.rpartition(".")[2] for name in names] == ["catcher", "slow", "catcher"]
    times = [int(name.partition(".")[0]) for name in names]
    assert before <= times[0] < times[1] < times[2] <= time.time_ns() // 1000


def test_sessions_of_the_slow_catcher_wait_side_by_side(start: Start, tmp_path: Path) -> None:
    port = start("--delay", "0.5")
    started = time.monotonic()
    with ThreadPoolExecutor(10) as senders:
        list(senders.map(send, [port] * 10))
    assert 0.5 <= time.monotonic() - started < 2.5
    assert len(kept(tmp_path)) == 10


def test_mails_of_many_sessions_are_all_kept(start: Start, tmp_path: Path) -> None:
    port = start()
    with ThreadPoolExecutor(5) as senders:
        list(senders.map(send, [port] * 5, [40] * 5))
    assert len(kept(tmp_path)) == 200
    assert list((tmp_path / "inbox" / "tmp").iterdir()) == []


def test_large_mails_and_long_lines_are_taken(start: Start, tmp_path: Path) -> None:
    port = start()
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == str(64 * 1024 * 1024)
    send(port, content=b"Subject: long\r\n\r\n" + b"x" * 200_000 + b"\r\n")
    assert kept(tmp_path)[0].stat().st_size > 200_000
