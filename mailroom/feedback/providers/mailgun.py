"""Mailgun: HMAC-SHA256 of timestamp and token, by the account's HTTP webhook signing key.

The signature says nothing of the body. So a token is good for one post only, whatever that says, and whoever
sees one elsewhere still needs the door's own URL. A mail is known by its Message-ID, which Mailgun keeps.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from mailroom.feedback.providers.post import Fetch, Post, PostRefused, is_same, refuse_untimely, unix_seconds
from mailroom.feedback.providers.told import ToldEvent, fields, since_epoch, text, told
from mailroom.feedback.report import ReportKind

MAILGUN_OLDEST = 12 * 3600
"""Seconds: Mailgun tries again for eight hours."""

HARD_REASONS = {"bounce", "suppress-bounce", "hardfail"}
"""Why a mail failed for good, where that is its address's fault."""

POLICY_REASONS = {"espblock", "suppress-complaint", "suppress-unsubscribe"}


def verify(post: Post, key: str, now: float, _: Fetch) -> str:
    """The token's digest, which is good once. Raises PostRefused."""
    signature = fields(fields(post.json()).get("signature"))
    timestamp, token = str(signature.get("timestamp", "")), text(signature.get("token"), 100)
    at = unix_seconds(timestamp)
    expected = hmac.digest(key.encode(), f"{timestamp}{token}".encode(), "sha256").hex()
    if not token or not is_same(text(signature.get("signature"), 64), expected):
        raise PostRefused("Its signature is not of this signing key.")
    refuse_untimely(at, now, MAILGUN_OLDEST)
    return expected


def read(post: Post) -> list[ToldEvent]:
    event = fields(fields(post.json()).get("event-data"))
    if not event:
        raise PostRefused("It has no event-data.")
    kind = _kind(event)
    return [] if kind is None else [_told(kind, event)]


def _kind(event: Mapping[str, Any]) -> ReportKind | None:
    match event.get("event"):
        case "delivered":
            return ReportKind.DELIVERED
        case "complained":
            return ReportKind.COMPLAINED
        case "unsubscribed":
            return ReportKind.DELIVERED  # else nobody had a link
        case "failed" if event.get("severity") == "temporary":
            return ReportKind.DELAYED
        case "failed":
            return ReportKind.BOUNCED
    return None


def _told(kind: ReportKind, event: Mapping[str, Any]) -> ToldEvent:
    status, headers = (
        fields(event.get("delivery-status")),
        fields(fields(event.get("message")).get("headers")),
    )
    code = status.get("code")
    return told(
        kind,
        "mailgun",
        event,
        (text(event.get("id")), event.get("timestamp"), text(event.get("recipient"))),
        is_unsubscription=event.get("event") == "unsubscribed",
        is_policy=text(event.get("reason")) in POLICY_REASONS,
        message_id=text(headers.get("message-id"), 1_000),
        address=text(event.get("recipient")),
        words=text(status.get("message"), 1_000) or text(status.get("description"), 1_000),
        status=text(status.get("enhanced-code")),
        code=code if isinstance(code, int) else None,
        at=since_epoch(event.get("timestamp")),
        reporter=text(status.get("mx-host")) or "Mailgun",
        is_transient=kind is ReportKind.BOUNCED and not _is_hard(event, status),
    )


def _is_hard(event: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    if kind := status.get("bounce-type"):
        return text(kind) == "hard"
    return text(event.get("reason")) in HARD_REASONS
