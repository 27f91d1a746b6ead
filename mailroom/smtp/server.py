"""The mail server that we hand messages to, and what we have learned of it."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

from mailroom.host_names import HostName

if TYPE_CHECKING:
    from mailroom.settings import Settings

PLAIN_FOR = 600.0
"""Seconds for which a server that broke its promise of PIPELINING gets the plain dialogue."""


EXIM_TAKES = 10
"""Messages in one session. Exim answers 250 to further ones as well, and leaves them to its queue runner
(smtp_accept_queue_per_connection), by its default for half an hour."""


class Learned:
    """What this process knows of a server beyond its settings; shared by its sessions."""

    def __init__(self) -> None:
        self._plain_until = 0.0
        self._suspicions = 0
        self.usual_messages: int | None = None  # in one session, by default of its kind
        self.told_messages: int | None = None  # in one session, by its own words

    def meet(self, banner: str) -> None:
        """Its first words: they may say of what kind it is."""
        self.usual_messages = EXIM_TAKES if "ESMTP Exim" in banner else None

    def takes_no_more(self, messages: int) -> None:
        """It said that so many in one session are enough."""
        self.told_messages = min(messages, self.told_messages or messages)

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
    max_messages: int | None = None  # a session is closed after so many; None: as many as its kind takes
    helo: str | None = None  # our name in EHLO; None: our address
    learned: Learned = field(default_factory=Learned, repr=False, compare=False)

    @cached_property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    @cached_property
    def host_name(self) -> HostName:
        """Where it is; shared by its sessions, as what was learned."""
        return HostName(self.host, self.port)

    @property
    def messages_a_session(self) -> int | None:
        """After so many messages a session is over; None: no end."""
        usual, told = self.max_messages or self.learned.usual_messages, self.learned.told_messages
        return min(usual, told) if usual and told else usual or told


def server_from(settings: Settings, helo: str | None = None) -> Server:
    """The server that the settings name. `helo`: our name there if they name none."""
    return Server(
        host=settings.mail_server,
        port=settings.mail_port,
        tls="implicit" if settings.mail_use_ssl else "starttls" if settings.mail_use_tls else "none",
        username=settings.mail_username,
        password=settings.mail_password,
        timeout=settings.mail_timeout,
        max_messages=settings.mail_max_emails,
        helo=settings.helo or helo,
    )


def servers_of(settings: Settings, helo: str | None = None) -> dict[str, Server]:
    """Every server that the settings name, by the name of its relay."""
    servers = {"": server_from(settings, helo)}
    if settings.slow_server is not None:
        host, _, port = settings.slow_server.rpartition(":")
        timeout = settings.mail_timeout
        servers["slow"] = Server(host, int(port), timeout=timeout, helo=settings.helo or helo)
    return servers


def configured(settings: Settings) -> set[str]:
    """The names of these servers: what is known of any other concerns nobody any more."""
    return {server.name for server in servers_of(settings).values()}


@lru_cache(maxsize=8)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificates and host names are always checked. Made once: reading the authorities costs 20 ms."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
