"""A mail server's reply: its code and its words, made safe to keep and to show."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_TEXT = 1000
LONGEST_TOLD_WAIT_SECONDS = 24 * 3600

# Control characters could forge lines in a log; the bidirectional ones turn text around on a page.
UNSAFE_IN_REPLY = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
REPLY_TIME_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
TOLD_WAIT = re.compile(
    r"(?:again|retry|retrying|come back|wait|resets?|delay\w*|gr[ea]ylist\w*)\b.{0,40}?\b"
    r"(?:(\d{1,2}):(\d\d):(\d\d)\b|(\d{1,6})\s*(s|m|h|d)(?:ec|in|our|r|ay|econd|inute)?s?\b)",
    re.ASCII | re.IGNORECASE | re.DOTALL,  # else `s` is a long s (U+017F) as well, which is no unit
)


class Reply(NamedTuple):
    """`text` holds all lines, joined by newlines, cleaned and cut to 1,000 characters."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code < 600

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 3463), such as "5.1.1"."""
        found = ENHANCED.match(self.text)
        return found[1] if found else None

    @property
    def retry_after(self) -> int | None:
        """The seconds that the server asks us to wait, a day at most."""
        return self.told_wait if self.is_temporary else None

    @property
    def told_wait(self) -> int | None:
        """The same, also of a refusal for good: a quota is often told with a 5xx."""
        found = TOLD_WAIT.search(self.text)
        if not found:
            return None
        hours, minutes, seconds, number, unit = found.groups()
        if number:
            asked = int(number) * REPLY_TIME_UNITS[unit.lower()]
        else:
            asked = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        return min(asked, LONGEST_TOLD_WAIT_SECONDS)


def words(raw: bytes) -> str:
    """What the server said, as text that is safe to keep and to show."""
    raw = raw[: 4 * MAX_TEXT]
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if not text.isprintable():
        text = UNSAFE_IN_REPLY.sub(" ", text)
    return text.strip()[:MAX_TEXT]
