"""Trace: what a line of a relay's record says of one recipient's mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Said(StrEnum):
    """What the relay did with a mail. Each of them says, too, that it had taken it."""

    ACCEPTED = "accepted"  # and no more is said of it
    SENT = "sent"  # on to the next server, or into a mailbox
    DEFERRED = "deferred"
    BOUNCED = "bounced"


@dataclass(frozen=True, slots=True)
class Trace:
    """`recipients`: the address as it ended and as it was given, where aliases were at work; empty: not said.

    `sender`: of the envelope. `client`: the address of whoever handed the mail in. "": not said.
    """

    said: Said
    message_id: str = ""  # with its angle brackets; "": the record does not say it
    recipients: tuple[str, ...] = ()
    at: datetime | None = None
    queue_id: str = ""  # by which the relay knows the mail, and often says so in its 250
    sender: str = ""
    client: str = ""
    status: str = ""  # enhanced, as 5.1.1 (RFC 3463)
    code: int | None = None
    words: str = ""  # of the next server, or of this one
    reporter: str = ""  # the next server
