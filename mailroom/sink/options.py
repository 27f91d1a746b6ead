"""Options of a sink, apart from its rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Options:
    host: str = "127.0.0.1"
    port: int = 0  # 0: a free one
    record: Path | None = None  # a file for JSON lines
    keep: bool = False  # whole messages too
    remember: bool = True  # messages in memory
    # lies: offers PIPELINING, but "flushes" what follows a command, "forgets" what follows
    # a message, "hangs-up" on either, or "scrambles" the order of its replies.
    pipelining: Literal["on", "off", "flushes", "forgets", "hangs-up", "scrambles"] = "on"
    tls: Literal["none", "starttls", "implicit"] = "none"
    certificate: Path | None = None  # PEM: certificate and key
    auth: str | None = None  # "user:password", then a must
    ehlo: bool = True  # False: knows only HELO
    size: int = 0  # the largest message; 0: any
    max_messages: int = 0  # in one session; then 421
    max_connections: int = 0  # at a time; more get 421
    seed: int | None = None  # of the rules' dice
