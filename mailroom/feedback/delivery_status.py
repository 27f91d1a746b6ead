"""Delivery status notifications (RFC 3464, 6533): what a server says of each recipient, in fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from mailroom.content.whole.parts import ParsedPart
from mailroom.feedback.received import ReceivedMail, blocks_of, lines_of, value_of
from mailroom.feedback.recipients import address_in
from mailroom.feedback.report import ReportKind
from mailroom.feedback.wordings import LONGEST_WORDS, ToldWords, told_in, told_of

MOST_RECIPIENTS_READ = 100

_STATUS_PARTS = frozenset(("message/delivery-status", "message/global-delivery-status"))
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_ACTIONS = {
    "failed": ReportKind.BOUNCED,
    "failure": ReportKind.BOUNCED,
    "error": ReportKind.BOUNCED,
    "delayed": ReportKind.DELAYED,
    "delivered": ReportKind.DELIVERED,
    "relayed": ReportKind.RELAYED,
    "expanded": ReportKind.RELAYED,
}
_NAME = re.compile(r"[\w.:\[\]-]{1,255}")
_CLASSES = {"5": ReportKind.BOUNCED, "4": ReportKind.DELAYED}


class RecipientStatus(NamedTuple):
    """Of one recipient. `address`: as it was sent to, where that is said. `is_forwarded`: what happened,
    happened at an address of another domain.
    """

    kind: ReportKind
    address: str
    told: ToldWords
    at: datetime | None
    reporter: str
    is_forwarded: bool = False


def status_part(mail: ReceivedMail, *, is_of_a_daemon: bool) -> ParsedPart | None:
    """The part that programs read; some servers do not say that it is one, and people quote such parts."""
    for leaf in mail.leaves:
        if leaf.content_type in _STATUS_PARTS:
            return leaf
    for leaf in mail.leaves[1:] if is_of_a_daemon else ():
        if leaf.content_type == "text/plain" and _looks_like_one(leaf):
            return leaf
    return None


def statuses(mail: ReceivedMail, part: ParsedPart) -> list[RecipientStatus]:
    blocks = blocks_of(part)
    of_recipients = [block for block in blocks if _recipients(block) or value_of(block, "action")]
    of_message = next((block for block in blocks if block not in of_recipients), None)
    reporting = _name(value_of(of_message, "reporting-mta")) if of_message else ""
    found = (_read(mail, block, reporting) for block in of_recipients[:MOST_RECIPIENTS_READ])
    return [status for status in found if status is not None]


def moment(text: str) -> datetime | None:
    """A date of a header, if it is one."""
    try:
        found = parsedate_to_datetime(text[:100])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _looks_like_one(leaf: ParsedPart) -> bool:
    names = {line.partition(":")[0].strip().lower() for line in lines_of(leaf.text)}
    return {"final-recipient", "action"} <= names


def _read(mail: ReceivedMail, block: ParsedPart, reporting: str) -> RecipientStatus | None:
    addresses = _recipients(block)
    address = next(iter(addresses), "")
    status = _STATUS.search(value_of(block, "status"))
    action = re.match(r"[a-z]*", value_of(block, "action").lower())
    kind = _ACTIONS.get(action[0] if action else "") or _CLASSES.get(status[0][0] if status else "")
    if kind is None:
        return None
    told = _told(mail, block, address, status[0] if status else "")
    at = moment(value_of(block, "last-attempt-date")) or moment(mail.value("date"))
    reporter = _name(value_of(block, "remote-mta")) or reporting
    return RecipientStatus(kind, address, told, at, reporter, _is_forwarded(addresses))


def _recipients(block: ParsedPart) -> list[str]:
    """As it was sent to, as it ended, and where an alias led."""
    names = ("original-recipient", "final-recipient", "x-actual-recipient")
    return [found for name in names if (found := address_in(value_of(block, name)))]


def _is_forwarded(addresses: Sequence[str]) -> bool:
    """Whether they are of several domains. A host of the first one's domain is at home there."""
    domains = [address.rpartition("@")[2].lower() for address in addresses]
    return any(not f".{domain}".endswith(f".{domains[0]}") for domain in domains)


def _told(mail: ReceivedMail, block: ParsedPart, address: str, status: str) -> ToldWords:
    """Of the server that refused. What the one that reports makes of it counts where that says nothing."""
    diagnostic = value_of(block, "diagnostic-code")
    kind, semicolon, words = diagnostic.partition(";")
    told = told_in(words if semicolon and len(kind) < 30 else diagnostic)
    if not told.words:
        told = told_of(mail, address)
        told = told if told.status in ("", status) else told._replace(status="", code=None)
    best = status if not told.status or (told.status.endswith(".0.0") and status) else told.status
    code = told.code or {"4": 450, "5": 550}.get(best[:1])
    return ToldWords(code, best, told.words[:LONGEST_WORDS])


def _name(value: str) -> str:
    """Of a server: `dns; mx.example.org (192.0.2.1)`."""
    found = _NAME.search(value.rpartition(";")[2])
    return found[0] if found else ""
