"""Place of a mailbox, as its URL says it: `imaps://user@host:993/INBOX` (RFC 5092, its plain form)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

PORTS = {"imaps": 993, "imap": 143}


class MailboxPlace(NamedTuple):
    """`is_tls`: from the first octet on; else by STARTTLS."""

    host: str
    port: int
    user: str
    folder: str
    is_tls: bool

    @classmethod
    def of(cls, url: str) -> MailboxPlace:
        """`url`: one that the settings took."""
        parts = urlsplit(url)
        return cls(
            parts.hostname or "",
            parts.port or PORTS[parts.scheme],
            unquote(parts.username or ""),
            unquote(parts.path.removeprefix("/")) or "INBOX",
            parts.scheme == "imaps",
        )

    def __str__(self) -> str:
        return f"{self.folder} of {self.user} on {self.host}:{self.port}"
