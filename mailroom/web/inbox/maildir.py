"""The catcher's Maildir as the inbox pages read it: names first, headers of one page only."""

from __future__ import annotations

import heapq
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from mailroom.content.header.words import decoded

MAILDIR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=,:+-]{0,250}")
"""A message's file name: no slash and no leading dot, so it can name nothing outside the folder."""

HEAD = 16_384
"""Bytes read for a list's line; headers that matter come first."""

UNREADABLE_PARAMETERS = (TypeError, ValueError)
"""Of the email package, for one that is there in pieces and as a whole, or in a charset that is none."""

SEARCHED = 5_000
"""How many of the newest messages a search looks at."""


class Patient(HeaderRegistry):
    """Takes a header that the email package stumbles over as plain text."""

    def __call__(self, name: str, value: str) -> Any:
        try:
            return super().__call__(name, value)
        except Exception:  # IndexError, ValueError, whatever its parser comes to
            return HeaderRegistry(use_default_map=False)(name, value)


MESSAGE = policy.default.clone(header_factory=Patient())


@dataclass(frozen=True, slots=True)
class Line:
    """What the list shows of a message."""

    name: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]  # of the envelope: who it was really for
    subject: str
    size: int


class Inbox:
    """Messages in `folder`/new, newest first: the catcher's names begin with the microsecond."""

    def __init__(self, folder: Path) -> None:
        self.new = folder / "new"

    def names(self, limit: int, before: str | None = None) -> list[str]:
        """The newest names, those older than `before` when it is given."""
        try:
            with os.scandir(self.new) as entries:
                found = (entry.name for entry in entries)
                return heapq.nlargest(limit, (name for name in found if not before or name < before))
        except FileNotFoundError:
            return []  # nothing was ever caught

    def count(self) -> int:
        try:
            return sum(1 for _ in os.scandir(self.new))
        except FileNotFoundError:
            return 0

    def page(self, limit: int, before: str | None = None) -> list[Line]:
        return [line for name in self.names(limit, before) if (line := self.line(name))]

    def search(self, words: str, limit: int) -> list[Line]:
        """Messages among the newest whose recipient or subject holds every word."""
        wanted = words.lower().split()
        found: list[Line] = []
        for name in self.names(SEARCHED):
            line = self.line(name)
            if line and all(word in _haystack(line) for word in wanted):
                found.append(line)
                if len(found) == limit:
                    break
        return found

    def line(self, name: str) -> Line | None:
        """None when the message is gone by now."""
        raw = self.raw(name, HEAD)
        if raw is None:
            return None
        headers = _headers(raw)
        recipients = headers.get("x-envelope-to") or headers.get("to", "")
        return Line(
            name=name,
            received_at=received_at(name, self.new),
            sender=decoded(headers.get("from") or headers.get("x-envelope-from", "")),
            recipients=tuple(part.strip(" <>") for part in recipients.split(",") if part.strip(" <>")),
            subject=decoded(headers.get("subject", "")),
            size=self._size(name),
        )

    def message(self, name: str) -> EmailMessage | None:
        raw = self.raw(name)
        if raw is None:
            return None
        parser = BytesParser(_class=EmailMessage, policy=MESSAGE)
        try:
            return parser.parsebytes(raw)
        except UNREADABLE_PARAMETERS:  # of its boundary
            return parser.parsebytes(raw, headersonly=True)

    def raw(self, name: str, limit: int = -1) -> bytes | None:
        """The bytes of a message as it arrived; None for what is not one."""
        if not MAILDIR_NAME.fullmatch(name):
            return None
        try:
            with open(self.new / name, "rb") as file:
                return file.read(limit)
        except (FileNotFoundError, IsADirectoryError):
            return None

    def empty(self) -> int:
        """Deletes every message; how many there were."""
        names = self.names(10_000_000)
        for name in names:
            (self.new / name).unlink(missing_ok=True)
        return len(names)

    def _size(self, name: str) -> int:
        try:
            return (self.new / name).stat().st_size
        except FileNotFoundError:
            return 0


def received_at(name: str, folder: Path) -> datetime:
    """When the message came, by its name (microseconds first) or else by its file's time."""
    digits = re.match(r"\d{13,17}", name)
    if digits:
        micros = int(digits[0])
        return datetime.fromtimestamp(micros / (1e6 if len(digits[0]) > 13 else 1e3), UTC)
    try:
        return datetime.fromtimestamp((folder / name).stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.now(UTC)


def _headers(raw: bytes) -> dict[str, str]:
    """The first of each header, unfolded. By hand: a search reads thousands of messages."""
    head = raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].decode("utf-8", "replace")
    headers: dict[str, str] = {}
    for line in re.sub(r"\n[ \t]+", " ", head).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            name = name.lower()
            if name == "x-envelope-to" and name in headers:  # one for each recipient
                headers[name] += "," + value.strip()
            headers.setdefault(name, value.strip())
    return headers


def _haystack(line: Line) -> str:
    return " ".join((*line.recipients, line.subject, line.sender)).lower()
