"""The mail server that we hand messages to, and what we have learned of it."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mailroom.settings import Settings

PLAIN_FOR = 600.0
"""Seconds for which a server that broke its promise of PIPELINING gets the plain dialogue."""


class Learned:
    """What this process knows of a server beyond its settings; shared by its sessions."""

    def __init__(self) -> None:
        self._plain_until = 0.0
        self._suspicions = 0

    @property
    def can_pipeline(self) -> bool:
        return time.monotonic() >= self._plain_until

    def distrust_pipelining(self) -> None:
        self._plain_until = time.monotonic() + PLAIN_FOR

    def suspect_pipelining(self) -> None:
        """A hang-up may have another reason; two are believed."""
        self._suspicions += 1
        if self._suspicions % 2 == 0:
            self.distrust_pipelining()


@dataclass(frozen=True)
class Server:
    """`timeout`: seconds for one reply; connecting gets 30 at most, the final dot ten times as much."""

    host: str
    port: int = 25
    tls: Literal["none", "starttls", "implicit"] = "none"
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    timeout: float = 60.0
    ca_file: str | None = None  # certificate authorities trusted beside the system's
    max_messages: int | None = None  # a session is closed after so many
    learned: Learned = field(default_factory=Learned, repr=False, compare=False)

    @cached_property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


def server_from(settings: Settings) -> Server:
    """The server that the settings name."""
    return Server(
        host=settings.mail_server,
        port=settings.mail_port,
        tls="implicit" if settings.mail_use_ssl else "starttls" if settings.mail_use_tls else "none",
        username=settings.mail_username,
        password=settings.mail_password,
        timeout=settings.mail_timeout,
    )


@lru_cache(maxsize=8)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificates and host names are always checked. Made once: reading the authorities costs 20 ms."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
