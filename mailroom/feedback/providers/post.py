"""Post: one HTTP request of a provider, as it came, and why it is not believed."""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mailroom.content.text import json_text
from mailroom.content.text.json_text import JsonRoom, NotJson

LARGEST_POST = 1024 * 1024
"""Octets: SendGrid's largest have 768 KB, Amazon SNS' 256 KB."""

ROOM_FOR_EVENTS = JsonRoom(objects=40_000, texts=100_000, lists=20_000, numbers=20_000)
"""Of as many events as a post may have, with all that providers say of each."""

AHEAD = 300
"""Seconds that a provider's clock may be ahead of ours."""

Fetch = Callable[[str], bytes]
"""A document by its URL, which was judged before. Raises CannotTell."""

_UNIX_SECONDS = re.compile("[0-9]{10}")


class PostRefused(Exception):
    """This post is not believed, or cannot be understood; `str()` is a sentence for whoever runs Mailroom,
    and never for the one who sent it.
    """


class CannotTell(Exception):
    """Whether it is to be believed cannot be said now: it is to come again."""


@dataclass(frozen=True, slots=True)
class Post:
    """`headers`: their names in any case."""

    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        found = next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")
        if not found:
            raise PostRefused(f"The header {name} is missing.")
        return found

    def json(self) -> Any:
        return read_json(self.body)


def read_json(data: bytes) -> Any:
    """Raises PostRefused."""
    if len(data) > LARGEST_POST:
        raise PostRefused("It is larger than any provider's.")
    try:
        return json_text.read(data, ROOM_FOR_EVENTS)
    except NotJson:  # its words may be those of whoever sent it, who is not proven yet
        raise PostRefused("Its body is not JSON, or more of it than any provider sends.") from None


def unix_seconds(text: str) -> int:
    """Ten figures exactly: what is signed with what follows is split in one way only. Raises PostRefused."""
    if not _UNIX_SECONDS.fullmatch(text):
        raise PostRefused("Its timestamp is none.")
    return int(text)


def refuse_untimely(at: float, now: float, oldest: int) -> None:
    """Raises PostRefused for what was signed more than `oldest` seconds ago: anybody may have a copy."""
    if now - at > oldest:
        raise PostRefused(f"It was signed more than {oldest // 60} minutes ago.")
    if at - now > AHEAD:
        raise PostRefused("It was signed in the future: is this machine's clock right?")


def from_base64(text: str, what: str) -> bytes:
    """Raises PostRefused."""
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise PostRefused(f"Its {what} is not base64.") from None


def is_same(given: str, expected: str) -> bool:
    """In a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
