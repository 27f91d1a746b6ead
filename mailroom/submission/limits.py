"""Limits of the submission port: how much it keeps for clients, how long it waits for them; all figures."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailroom import files
from mailroom.front.limits import KIBIBYTE

RESERVE = 300
"""Files that the process has open for other ends: ledger, Redis, libraries, and clients that it has yet
to greet (two hundred at once, before any can be let go)."""


LARGEST_SUBMISSION = 64 * 1024 * KIBIBYTE
"""Octets of a message: what the API takes as well."""

LONGEST_COMMAND = 4 * KIBIBYTE
"""A command's line: of 512 octets, MAIL may add 160 for DSN and 500 for AUTH, RCPT 500 for DSN."""


@dataclass(frozen=True)
class SubmissionLimits:
    """Of the process. Sizes in bytes, times in seconds. A stranger has not signed in yet."""

    strangers: int = 400
    """Connections. They are apart from those who signed in, whom strangers so never push out."""
    clients: int = 1_000
    """Connections of those who signed in: 100 programs with pools of ten."""

    sign_in_seconds: float = 45
    """From the connection to the right key, STARTTLS included: programs take one."""
    strangers_message_seconds: float = 300
    """For a message to the bounce address, all of it."""
    idle_seconds: float = 300
    """Between two commands of somebody who signed in (RFC 5321, 4.5.3.2.7)."""

    patience: float = 60
    pace: int = 1 * KIBIBYTE
    """Bytes a second: a message may take `patience`, and as long as it needs at this pace."""

    strangers_line: int = 16 * KIBIBYTE
    """A line before sign-in. AUTH needs the most: 12,288 (RFC 4954, 4)."""
    piece: int = 64 * KIBIBYTE
    """After it, what is taken in at once of a message, whose lines may be of any length."""

    strangers_replies: int = 50
    replies: int = 5_000
    """Since the last message that was accepted: it may have a thousand recipients, and be tried anew."""
    strangers_errors: int = 10
    errors: int = 2_000
    """Since then, too: a thousand recipients may be refused."""

    guesses: int = 3
    """Wrong keys of a connection."""
    free_guesses: int = 10
    """Wrong keys of an address in a minute. The answers to more come late: a right key never waits."""
    late_seconds: float = 5


def fitting(limits: SubmissionLimits) -> SubmissionLimits:
    """As many connections as this process may have files open, after asking for as many as it needs."""
    wanted = limits.strangers + 2 * limits.clients + RESERVE  # a large message has a file
    places = files.places_for(wanted)
    if places >= wanted:
        return limits
    room = max(20, places - RESERVE) if places > 2 * RESERVE else max(20, places // 2)
    strangers = min(limits.strangers, room // 2)
    return replace(limits, strangers=strangers, clients=(room - strangers) // 2)
