"""Resend: Standard Webhooks (as Svix has them): HMAC-SHA256 over id, timestamp and body, by whsec_...

A mail is known by `message_id`; where Resend gave it another one, by `email_id`, if its 250 names that.

https://resend.com/docs/webhooks/verify-webhooks-requests
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from mailroom.feedback.providers.post import Fetch, Post, PostRefused, is_same, refuse_untimely, unix_seconds
from mailroom.feedback.providers.told import ToldEvent, fields, instant, items, text, told
from mailroom.feedback.report import ReportKind

RESEND_OLDEST = 300
"""Seconds: each further try is signed anew."""

MOST_SIGNATURES = 10
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
"""Without a dot: what is signed together is split in one way only."""

RESEND_KINDS = {
    "email.delivered": ReportKind.DELIVERED,
    "email.delivery_delayed": ReportKind.DELAYED,
    "email.bounced": ReportKind.BOUNCED,
    "email.failed": ReportKind.BOUNCED,
    "email.suppressed": ReportKind.BOUNCED,
    "email.complained": ReportKind.COMPLAINED,
}


def secret_of(key: str) -> bytes:
    """Raises ValueError."""
    secret = b64decode(key.removeprefix("whsec_"), validate=True)
    if len(secret) < 16:
        raise ValueError("too short")
    return secret


def verify(post: Post, key: str, now: float, _: Fetch) -> str:
    """Raises PostRefused."""
    uid, timestamp = post.header("svix-id"), post.header("svix-timestamp")
    given = post.header("svix-signature").split()[:MOST_SIGNATURES]
    at = unix_seconds(timestamp)
    if not _ID.fullmatch(uid):
        raise PostRefused("Its svix-id is none.")
    digest = hmac.digest(
        secret_of(key), b"%b.%b.%b" % (uid.encode(), timestamp.encode(), post.body), "sha256"
    )
    expected = f"v1,{b64encode(digest).decode()}"
    if not any(is_same(one, expected) for one in given):
        raise PostRefused("None of its signatures is of this signing secret.")
    refuse_untimely(at, now, RESEND_OLDEST)
    return ""


def read(post: Post) -> list[ToldEvent]:
    event = fields(post.json())
    data = fields(event.get("data"))
    if not text(event.get("type")) or not data:
        raise PostRefused("It has no type, or no data.")
    kind = RESEND_KINDS.get(text(event.get("type")))
    addresses = [address for address in (text(one) for one in items(data.get("to"))[:50]) if address]
    if kind is None or not addresses:
        return []
    # Of several it does not say which: only the 250 of one of them does.
    names_one = len(addresses) == 1
    return [_told(kind, event, data, address, names_one=names_one) for address in addresses]


def _told(
    kind: ReportKind, event: Mapping[str, Any], data: Mapping[str, Any], address: str, *, names_one: bool
) -> ToldEvent:
    bounce, own_id = fields(data.get("bounce")), text(data.get("email_id"))
    words = text(bounce.get("diagnosticCode"), 1_000) or text(bounce.get("message"), 1_000)
    return told(
        kind,
        "resend",
        event,
        (own_id, text(event.get("type")), text(event.get("created_at")), address),
        message_id=text(data.get("message_id"), 1_000) if names_one else "",
        own_id=own_id,
        address=address,
        words=words or text(fields(data.get("failed")).get("reason"), 1_000) or _of_suppressed(data),
        at=instant(event.get("created_at")),
        reporter="Resend",
        is_transient=kind is ReportKind.BOUNCED and bounce.get("type") != "Permanent",
        is_policy=event.get("type") == "email.failed",  # a quota, a domain that is not verified
    )


def _of_suppressed(data: Mapping[str, Any]) -> str:
    return text(fields(data.get("suppressed")).get("message"), 1_000)
