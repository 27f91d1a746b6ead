"""Record of what the sink got: one JSON line for every recipient of every message."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """One recipient's copy, as it was at the final dot."""

    time: float  # seconds since the epoch
    connection: int
    peer: str
    sender: str
    recipient: str
    message_id: str
    size: int
    sha: str  # SHA-256 of the message, hex
    content: str | None = None  # the message itself, as latin-1
    helo: str = ""  # the client's name

    @property
    def raw(self) -> bytes:
        return (self.content or "").encode("latin-1")


class Record:
    """Keeps messages in memory, and in a file that is complete whenever the sink dies."""

    def __init__(self, path: Path | None = None, *, keep: bool = False, remember: bool = True) -> None:
        self._keep = keep
        self._remember = remember
        self._messages: list[RecordedMessage] = []
        self._more = threading.Condition()
        self.count = 0
        self._file: int | None = None
        if path is not None:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(
        self,
        now: float,
        connection: int,
        peer: str,
        sender: str,
        recipients: Sequence[str],
        raw: bytes,
        helo: str = "",
    ) -> None:
        """One message, its dots no longer doubled."""
        found = MESSAGE_ID.search(raw, 0, max(raw.find(b"\r\n\r\n"), 0))
        message_id = found[1].decode("latin-1") if found else ""
        sha = hashlib.sha256(raw).hexdigest()
        content = raw.decode("latin-1") if self._keep else None
        for recipient in recipients:
            message = RecordedMessage(
                now, connection, peer, sender, recipient, message_id, len(raw), sha, content, helo
            )
            if self._file is not None:
                os.write(self._file, json.dumps(asdict(message)).encode() + b"\n")
            self.count += 1
            if self._remember:
                with self._more:
                    self._messages.append(message)
                    self._more.notify_all()

    def messages(self) -> list[RecordedMessage]:
        return list(self._messages)

    def wait(self, count: int, timeout: float) -> list[RecordedMessage]:
        """All messages, once there are `count` of them; raises TimeoutError."""
        with self._more:
            if not self._more.wait_for(lambda: len(self._messages) >= count, timeout):
                raise TimeoutError(f"{len(self._messages)} of {count} messages arrived in {timeout:g} s")
            return list(self._messages)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read(path: Path) -> list[RecordedMessage]:
    """The messages of a record file; a last line that is still being written is left out."""
    if not path.exists():
        return []
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [RecordedMessage(**json.loads(line)) for line in whole.splitlines()]
