"""Brevo: it signs nothing. It shows a password that Mailroom made, in the URL (HTTP Basic) or as a token.

A mail is known by `message-id`: ours, as Brevo's SMTP relay keeps it, or the one that its 250 names.

https://developers.brevo.com/docs/transactional-webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailroom.feedback.providers.basic import verify
from mailroom.feedback.providers.post import Post, PostRefused
from mailroom.feedback.providers.told import ToldEvent, events_of, since_epoch, text, told
from mailroom.feedback.report import ReportKind

__all__ = ["read", "verify"]

BREVO_KINDS = {
    "delivered": ReportKind.DELIVERED,
    "deferred": ReportKind.DELAYED,
    "hard_bounce": ReportKind.BOUNCED,
    "soft_bounce": ReportKind.BOUNCED,
    "invalid_email": ReportKind.BOUNCED,
    "blocked": ReportKind.BOUNCED,
    "error": ReportKind.BOUNCED,
    "spam": ReportKind.COMPLAINED,
    "complaint": ReportKind.COMPLAINED,
    "unsubscribed": ReportKind.DELIVERED,  # else nobody had a link
}
BREVO_HARD = {"hard_bounce", "invalid_email"}


def read(post: Post) -> list[ToldEvent]:
    events = events_of(post.json())
    if not all(text(event.get("event")) for event in events):
        raise PostRefused("It has no event.")
    return [_told(kind, event) for event in events if (kind := BREVO_KINDS.get(text(event.get("event"))))]


def _told(kind: ReportKind, event: Mapping[str, Any]) -> ToldEvent:
    message_id, milliseconds, seconds = (event.get(name) for name in ("message-id", "ts_epoch", "ts_event"))
    message_id = text(message_id, 1_000)
    return told(
        kind,
        "brevo",
        event,
        (message_id, text(event.get("event")), milliseconds, seconds, text(event.get("email"))),
        message_id=message_id,
        own_id=message_id.strip("<>"),
        address=text(event.get("email")),
        words=text(event.get("reason"), 1_000),
        at=since_epoch(milliseconds, parts=1_000) or since_epoch(seconds),
        reporter="Brevo",
        is_transient=kind is ReportKind.BOUNCED and text(event.get("event")) not in BREVO_HARD,
        is_policy=text(event.get("event")) in ("blocked", "error"),
        is_unsubscription=text(event.get("event")) == "unsubscribed",
    )
