"""Postmark: it signs nothing. It shows the password that Mailroom gave it, in the URL (HTTP Basic).

Postmark gives each mail an id of its own and does not tell our Message-ID. So Mailroom adds a field to what
it hands to Postmark, X-PM-Metadata-mailroom, which comes back with each event and which no recipient sees.
Mail without it is known by Postmark's id, if its 250 named that.

https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailroom.feedback.providers.basic import verify
from mailroom.feedback.providers.post import Post, PostRefused
from mailroom.feedback.providers.told import ToldEvent, fields, instant, text, told
from mailroom.feedback.report import ReportKind

__all__ = ["POSTMARK_METADATA", "read", "verify"]

POSTMARK_METADATA = "mailroom"
"""The key of ours: X-PM-Metadata-mailroom in the mail."""

POSTMARK_KINDS = {
    "HardBounce": ReportKind.BOUNCED,
    "BadEmailAddress": ReportKind.BOUNCED,
    "SoftBounce": ReportKind.BOUNCED,
    "Blocked": ReportKind.BOUNCED,
    "SpamNotification": ReportKind.BOUNCED,
    "VirusNotification": ReportKind.BOUNCED,
    "DMARCPolicy": ReportKind.BOUNCED,
    "ManuallyDeactivated": ReportKind.BOUNCED,
    "Unconfirmed": ReportKind.BOUNCED,
    "SMTPApiError": ReportKind.BOUNCED,
    "Unknown": ReportKind.BOUNCED,
    "Transient": ReportKind.DELAYED,
    "DnsError": ReportKind.DELAYED,
    "SpamComplaint": ReportKind.COMPLAINED,
}
"""By its Type. What is left out is no bounce: answers of people who are away, tests, changes of a list."""

POSTMARK_HARD = {"HardBounce", "BadEmailAddress"}
POSTMARK_POLICY = {
    "Blocked",
    "SpamNotification",
    "VirusNotification",
    "DMARCPolicy",
    "Unconfirmed",
    "SMTPApiError",
}


def read(post: Post) -> list[ToldEvent]:
    event = fields(post.json())
    record = text(event.get("RecordType"))
    if not record:
        raise PostRefused("It has no RecordType.")
    if record == "Delivery":
        return [_told(ReportKind.DELIVERED, event, "DeliveredAt", "Recipient")]
    if record == "SubscriptionChange" and _is_unsubscription(event):
        return [_told(ReportKind.DELIVERED, event, "ChangedAt", "Recipient")]
    kind = POSTMARK_KINDS.get(text(event.get("Type"))) if record in ("Bounce", "SpamComplaint") else None
    return [] if kind is None else [_told(kind, event, "BouncedAt", "Email")]


def _told(kind: ReportKind, event: Mapping[str, Any], at: str, address: str) -> ToldEvent:
    own_id = text(event.get("MessageID"))
    return told(
        kind,
        "postmark",
        {name: value for name, value in event.items() if name != "Content"},  # the whole mail, on demand
        (own_id, event.get("ID", ""), text(event.get(at)), text(event.get(address))),
        message_id=text(fields(event.get("Metadata")).get(POSTMARK_METADATA), 100),
        own_id=own_id,
        address=text(event.get(address)),
        words=text(event.get("Details"), 1_000) or text(event.get("Description"), 1_000),
        at=instant(event.get(at)),
        reporter="Postmark",
        is_transient=kind is ReportKind.BOUNCED and text(event.get("Type")) not in POSTMARK_HARD,
        is_policy=text(event.get("Type")) in POSTMARK_POLICY,
        is_unsubscription=_is_unsubscription(event),
    )


def _is_unsubscription(event: Mapping[str, Any]) -> bool:
    """Of somebody who had the mail; Postmark tells of what bounced in the same way."""
    return event.get("SuppressionReason") == "ManualSuppression" and event.get("Origin") == "Recipient"
