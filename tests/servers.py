"""Real servers for tests: started in a process of their own, ended with the test process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from redis import Redis

from mailroom.local import catcher, parent_death, valkey
from mailroom.local.ports import LOOPBACK_HOST
from tests.ports import own_port


def wait_until(condition: Callable[[], object], timeout: float = 30, what: str = "it") -> None:
    """Return as soon as `condition` holds; fail after `timeout` seconds."""
    deadline, pauses = time.monotonic() + timeout, growing_pauses()
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}"
        time.sleep(next(pauses))


def growing_pauses() -> Iterator[float]:
    """Seconds between two looks: what takes long is looked at less often, for each look takes a processor."""
    pause = 0.01
    while True:
        yield pause
        pause = min(0.05, pause * 1.2)


class Valkey:
    """A Valkey of the test's own, to be stopped, continued, killed and started again."""

    def __init__(self, folder: Path, *, append_only: bool = False) -> None:
        self.folder, self.append_only = folder, append_only
        self.port, self.password = own_port(), "test"
        self.url = valkey.url(self.port, self.password)
        self.client: Redis = Redis.from_url(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = valkey.write_config(self.folder, self.port, self.password, append_only=self.append_only)
        self.process = subprocess.Popen(
            parent_death.command(valkey.command(config)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(lambda: valkey.answers(self.url), what="Valkey")

    def pause(self) -> None:
        """Hang: connections are accepted, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)
        self.process.wait(10)
        self.process = None


@dataclass(frozen=True)
class Mail:
    """One mail as the catcher got it."""

    sender: str
    recipients: list[str]
    content: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


STARTED_WITHIN = 60.0
"""Seconds. On a machine that is too busy, aiosmtpd would give up after five."""


class Catcher(Controller):
    """The catcher's own SMTP server in a thread, keeping mail in `mails`; `delay` may be changed."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.delay = 0.0
        super().__init__(_Keeper(self), hostname=LOOPBACK_HOST, port=own_port(), ready_timeout=STARTED_WITHIN)

    def factory(self) -> SMTP:
        return catcher.protocol(self.handler)

    def wait_for(self, number: int, timeout: float = 10) -> list[Mail]:
        """The mails, once there are at least `number`."""
        wait_until(lambda: len(self.mails) >= number, timeout, f"{number} mails")
        return self.mails


class _Keeper:
    def __init__(self, kept: Catcher) -> None:
        self.kept = kept

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.kept.delay:
            await asyncio.sleep(self.kept.delay)
        mail = Mail(envelope.mail_from or "", list(envelope.rcpt_tos), envelope.original_content or b"")
        self.kept.mails.append(mail)
        return "250 2.0.0 OK: kept"
