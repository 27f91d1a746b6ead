"""Limits of the front: how much it keeps for clients, and how long it waits for them."""

from __future__ import annotations

from dataclasses import dataclass

KIBIBYTE, MEBIBYTE, GIBIBYTE = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True)
class FrontLimits:
    """Of one web process. Sizes in bytes, times in seconds."""

    connections: int = 1000
    memory: int = 32 * MEBIBYTE
    """Of what all connections together have sent or have yet to read."""
    disk: int = 2 * GIBIBYTE

    head: int = 32 * KIBIBYTE
    head_seconds: float = 20
    """From a request's first byte, or from the connection, to the end of the head."""

    small: int = 64 * KIBIBYTE
    """A body that anybody may send. For a larger one, the application is asked who sends it."""
    skipped: int = 256 * MEBIBYTE
    """Of a body that is too large: read and thrown away, so that a browser hears our answer."""

    patience: float = 30
    pace: int = 1 * KIBIBYTE
    """Bytes a second: a body may take `patience`, and as long as it needs at this pace. So may an answer."""

    linger: float = 1
    """A process that stops waits so long for a request on a kept connection: it may be on its way."""
