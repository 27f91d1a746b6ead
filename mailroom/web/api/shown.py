"""Mailings and deliveries as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mailroom.content.addresses import Address, format_address
from mailroom.content.message_ids import message_id
from mailroom.database.engine import AnyRow
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.mailings.contents import StoredContent
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.web.api.events import last_event
from mailroom.web.csv_export import message_id_of


def listed_email(mailing: Mailing, addressed: Sequence[AnyRow], reply_to: Sequence[str]) -> dict[str, Any]:
    """A responses.ListedEmailAnswer."""
    by_role: dict[str, list[str]] = {"to": [], "cc": [], "bcc": []}
    for row in addressed:
        by_role[row.role].append(format_address(Address(row.address, row.name)))
    return {
        "id": mailing.uid,
        "message_id": mailing.message_id
        or message_id(mailing.uid, None, mailing.sender_address.rpartition("@")[2]),
        "from": sender(mailing),
        "to": by_role["to"],
        "cc": by_role["cc"] or None,
        "bcc": by_role["bcc"] or None,
        "reply_to": list(reply_to) or None,
        "subject": mailing.subject,
        "created_at": instant(mailing.created_at),
        "scheduled_at": instant(mailing.send_at),
        "last_event": last_event(mailing),
    }


def email(mailing: Mailing, content: StoredContent | None, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """A responses.EmailAnswer; what it said may be deleted."""
    content = content or StoredContent("", "", [], [], [], [])
    return {
        "object": "email",
        **listed_email(mailing, deliveries, content.reply_to),  # type: ignore[arg-type]
        "html": content.html or None,
        "text": content.text or None,
        "tags": [{"name": name, "value": value} for name, value in content.tags],
        "deliveries": [delivery(mailing, row) for row in deliveries],
    }


def delivery(mailing: Mailing, row: Delivery) -> dict[str, Any]:
    """A responses.DeliveryAnswer."""
    return {
        "id": row.id,
        "address": row.address,
        "name": row.name,
        "role": row.role,
        "state": row.state,
        "attempts": row.attempts,
        "code": row.code,
        "reply": row.reply,
        "message_id": message_id_of(mailing, row),
        "updated_at": instant(row.updated_at),
    }


def accepted_mailing(mailing: Mailing) -> Mapping[str, Any]:
    """A responses.AcceptedMailingAnswer: the same however often it is asked for."""
    return {
        "object": "mailing",
        "id": mailing.uid,
        "number": mailing.id,
        "total": mailing.total,
        "duplicates": mailing.duplicates,
    }


def mailing(found: Mailing) -> Mapping[str, Any]:
    """A responses.MailingAnswer."""
    return {
        **accepted_mailing(found),
        "state": found.state,
        "from": sender(found),
        "subject": found.subject,
        "counts": {state: number for state, number in found.counts.items() if number},
        "created_at": instant(found.created_at),
        "scheduled_at": instant(found.send_at),
        "started_at": instant(found.started_at),
        "ended_at": instant(found.ended_at),
    }


def sender(found: Mailing) -> str:
    return format_address(Address(found.sender_address, found.sender_name))


def instant(moment: datetime | None) -> str | None:
    """2023-04-03T22:13:42.674+00:00"""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")
