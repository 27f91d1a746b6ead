"""SendGrid: ECDSA (P-256, SHA-256) over timestamp and body, by the verification key of its webhook.

A mail is known by `smtp-id`, the Message-ID that it was handed in with; where SendGrid gave it another one,
by the beginning of `sg_message_id`, which its 250 names.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailroom.feedback.providers.post import (
    Fetch,
    Post,
    PostRefused,
    from_base64,
    refuse_untimely,
    unix_seconds,
)
from mailroom.feedback.providers.told import ToldEvent, events_of, since_epoch, text, told
from mailroom.feedback.report import ReportKind

SENDGRID_SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
SENDGRID_TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"

SENDGRID_OLDEST = 25 * 3600
"""Seconds: SendGrid tries again for a day. What is signed is the body, too: a copy says the same again."""

SENDGRID_KINDS = {
    "delivered": ReportKind.DELIVERED,
    "deferred": ReportKind.DELAYED,
    "bounce": ReportKind.BOUNCED,
    "dropped": ReportKind.BOUNCED,
    "spamreport": ReportKind.COMPLAINED,
    "unsubscribe": ReportKind.DELIVERED,  # else nobody had a link
    "group_unsubscribe": ReportKind.DELIVERED,
}
HARD_DROPS = ("bounced address", "invalid")
"""Beginnings of why a mail was dropped, where that is its address's fault."""


def public_key(key: str) -> ec.EllipticCurvePublicKey:
    """As SendGrid shows it, with or without the lines of PEM. Raises ValueError."""
    found = load_der_public_key(b64decode(re.sub(r"-----[A-Z ]+-----|\s", "", key), validate=True))
    if not isinstance(found, ec.EllipticCurvePublicKey) or not isinstance(found.curve, ec.SECP256R1):
        raise ValueError("no key of P-256")
    return found


def verify(post: Post, key: str, now: float, _: Fetch) -> str:
    """Raises PostRefused."""
    timestamp, signature = (
        post.header(SENDGRID_TIMESTAMP),
        from_base64(post.header(SENDGRID_SIGNATURE), "signature"),
    )
    at = unix_seconds(timestamp)
    try:
        public_key(key).verify(signature, timestamp.encode() + post.body, ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise PostRefused("Its signature is not of this verification key.") from None
    refuse_untimely(at, now, SENDGRID_OLDEST)
    return ""


def read(post: Post) -> list[ToldEvent]:
    events = events_of(post.json())
    return [_told(kind, event) for event in events if (kind := SENDGRID_KINDS.get(text(event.get("event"))))]


def _told(kind: ReportKind, event: Mapping[str, Any]) -> ToldEvent:
    words = text(event.get("reason"), 1_000) or text(event.get("response"), 1_000)
    own_id, name = text(event.get("sg_message_id")), text(event.get("event"))
    is_transient = kind is ReportKind.BOUNCED and not _is_hard(event, words)
    return told(
        kind,
        "sendgrid",
        event,
        (text(event.get("sg_event_id")), own_id, event.get("timestamp"), text(event.get("email"))),
        message_id=text(event.get("smtp-id"), 1_000),
        own_id=own_id.partition(".")[0],
        address=text(event.get("email")),
        words=words,
        status=text(event.get("status")),
        at=since_epoch(event.get("timestamp")),
        reporter="SendGrid",
        is_transient=is_transient,
        is_policy=is_transient,  # blocked by the recipient's server, or dropped for our own content
        is_unsubscription=name.endswith("unsubscribe"),
    )


def _is_hard(event: Mapping[str, Any], words: str) -> bool:
    if event.get("event") == "dropped":
        return words.lower().startswith(HARD_DROPS)
    return text(event.get("type", "bounce")) == "bounce"
