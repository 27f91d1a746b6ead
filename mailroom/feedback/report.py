"""Report: what somebody says of one recipient's mail, whichever way it came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MOST_RAW_OCTETS = 64 * 1024
"""Of what a report was read from: enough for a person who looks, however large it was."""


class ReportKind(StrEnum):
    """RFC 3464, 2.3.3, and RFC 5965, in the words of providers' events."""

    BOUNCED = "bounced"  # permanent: it will not arrive
    DELAYED = "delayed"  # not yet; a DSN's `delayed`
    RELAYED = "relayed"  # went on to where nothing more is reported
    DELIVERED = "delivered"  # the mailbox's own server has it
    COMPLAINED = "complained"  # the recipient called it spam
    SENT = "sent"  # by the record of our own relay: it took the mail, or passed it on


@dataclass(frozen=True, slots=True)
class Report:
    """`key`: the same for the same report read twice, and for no other (at most 64 characters).

    What it is about is told by `token` (of a signed return path or link, as it came; "": none), or else by
    `message_id` (with its angle brackets; "": not said) and `address` (as it came; "": not said) together.
    `is_proven`: the way in vouches for it (a provider's signature, our own relay's log), so `message_id`
    is enough.
    """

    kind: ReportKind
    way: str  # "pipe", "smtp", "imap", "ses", "postmark", "postfix": at most 20 letters
    key: str
    token: str = ""
    message_id: str = ""
    address: str = ""
    at: datetime | None = None  # when it happened, as its reporter says; None: not said
    code: int | None = None  # of SMTP, 400 to 599
    status: str = ""  # enhanced, as 5.1.1 (RFC 3463); "": not said
    words: str = ""  # of the server that said it
    reporter: str = ""  # that server's name, or the provider's
    is_transient: bool = False  # may be otherwise next time (a full mailbox): blames nobody at once
    is_proven: bool = False
    raw: bytes = b""  # what it was read from, at most MOST_RAW_OCTETS
