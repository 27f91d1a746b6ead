"""Feedback reports (RFC 5965): somebody called a mail spam, and their provider says so."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mailroom.content.whole.parts import ParsedPart
from mailroom.feedback.delivery_status import moment
from mailroom.feedback.received import ReceivedMail, blocks_of, value_of
from mailroom.feedback.recipients import address_in, addresses_in

_PART = "message/feedback-report"
_COMPLAINTS = frozenset(("abuse", "fraud", "virus", "other", "miscategorized", "opt-out", "opt-out-list"))
"""`not-spam` takes one back, `auth-failure` and `dmarc` are about signatures."""


class SpamReport(NamedTuple):
    addresses: tuple[str, ...]
    words: str
    at: datetime | None
    reporter: str


def report_part(mail: ReceivedMail) -> ParsedPart | None:
    return next((leaf for leaf in mail.leaves if leaf.content_type == _PART), None)


def complaint(mail: ReceivedMail, part: ParsedPart) -> SpamReport | None:
    """None: it is a report of something else."""
    fields = [field for block in blocks_of(part) for field in block.fields]
    said = {field.name: field.value[:1000] for field in reversed(fields)}
    kind = said.get("feedback-type", "abuse").strip().lower()
    if kind not in _COMPLAINTS:
        return None
    named = [field.value for field in fields if field.name == "original-rcpt-to"]
    addresses = tuple(dict.fromkeys([address for value in named[:20] if (address := address_in(value))]))
    reporter = address_in(mail.value("from")).rpartition("@")[2]
    return SpamReport(addresses, f"feedback-type: {kind}", moment(mail.value("date")), reporter)


def of_microsoft(mail: ReceivedMail) -> SpamReport | None:
    """Its junk mail reports have no part for programs: a mail, and whose it was, in the header of that."""
    original = mail.original
    if original is None:
        return None
    recipient = next(addresses_in(value_of(original, "x-hmxmroriginalrecipient")), "")
    recipient = recipient or next(addresses_in(mail.value("x-hmxmroriginalrecipient")), "")
    if not recipient:
        return None
    reporter = address_in(mail.value("from")).rpartition("@")[2]
    return SpamReport((recipient,), "junk mail report", moment(mail.value("date")), reporter)
