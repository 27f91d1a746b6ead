"""Whole messages that programs hand in, by SMTP, the API or Flask-Mail: judged alike, to be submitted."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

from mailroom.content.addresses import Address
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.whole.original import HandedIn, Original, read_original
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.people.api_keys import ApiKey

MOST_RCPT = 1000
"""Recipients of one message; more people are a mailing, where each sees only themself."""

LARGE_MESSAGE = 4 * 1024 * 1024
"""Octets of a message of which a process has one in memory at a time."""

_turn = threading.RLock()


class NotTheirs(Exception):
    """The key may not speak for somebody whom the message names; `str()` says whom."""


def turn_of(size: int) -> AbstractContextManager[object]:
    """For a message of so many octets, from before it is read until it is accepted: a large one waits for the
    one before. Whoever waits should hold nothing of it, and no connection.
    """
    return _turn if size > LARGE_MESSAGE else nullcontext()


def submission_of(handed: HandedIn, key: ApiKey | None, *, protocol: str = "") -> Submission:
    """Judges the octets that will leave. Raises Unmailable, and NotTheirs.

    `key`: None for who shares the ledger, and so may speak for everybody. `protocol`: of the hop
    over which it came, for its Received field.
    """
    if handed.sender:  # else it is the author's, who is judged below
        _check_sender(key, handed.sender)
    with turn_of(handed.size):  # of whoever does not accept it
        original = _read(handed, protocol, is_bound=bool(key and key.senders))
    for author in original.authors:
        _check_sender(key, author.address)
    if original.disguise:
        raise NotTheirs(f"For this API key, {original.disguise}")
    return Submission(
        original.content,
        _recipients(original, handed.recipients),
        user_id=key.user_id if key else None,
        program_id=key.program if key else None,
        key_id=key.id if key else None,
        original=original,
    )


def _read(handed: HandedIn, protocol: str, *, is_bound: bool) -> Original:
    name = str(uuid.uuid4())
    return read_original(
        handed.message,
        envelope_sender=handed.sender,
        uid=name,
        date=datetime.now(UTC),
        trace=f"by mailroom with {protocol} id {name}" if protocol else "",
        is_bound=is_bound,
    )


def _check_sender(key: ApiKey | None, address: str) -> None:
    if key is not None and not key.may_send_from(address):
        raise NotTheirs(f"This API key may not send from {address}")


def _recipients(original: Original, envelope_to: Sequence[str]) -> list[Recipient]:
    """Everybody of the envelope once; who is in neither To nor Cc is a Bcc."""
    shown: dict[str, tuple[str, Address]] = {}
    for role, addresses in (("to", original.content.to), ("cc", original.content.cc)):
        for address in addresses:
            shown.setdefault(address.key, (role, address))
    found: dict[str, Recipient] = {}
    for given in envelope_to:
        role, address = shown.get(given.lower(), ("bcc", Address(given)))
        found.setdefault(given.lower(), Recipient(given, address.name, role=role))
    return list(found.values())
