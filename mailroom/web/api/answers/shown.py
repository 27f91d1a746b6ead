"""Mailings and deliveries as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mailroom.content.addresses import Address, format_address
from mailroom.database.engine import AnyRow
from mailroom.engine.letterhead import message_id_of, sender_of
from mailroom.engine.preflight.preflight import PreflightReport
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.mailings.contents import StoredContent
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.states import LastEvent, MailingState


def last_event(mailing: Mailing) -> LastEvent:
    """Where an email stands, in Resend's words: one for all recipients; `deliveries` tell of each."""
    if mailing.state is MailingState.SCHEDULED:
        return LastEvent.SCHEDULED
    found = {state.about.last_event for state, number in mailing.counts.items() if number}
    found |= {LastEvent.COMPLAINED} if mailing.complained else set()
    if mailing.state is MailingState.CANCELED and LastEvent.QUEUED in found:
        found = found - {LastEvent.QUEUED} | {LastEvent.CANCELED}  # the sweeper is about to write it down
    return next((event for event in LastEvent if event in found), LastEvent.QUEUED)


def listed_email(mailing: Mailing, addressed: Sequence[AnyRow], reply_to: Sequence[str]) -> dict[str, Any]:
    """A mails.ListedEmailAnswer."""
    by_role: dict[str, list[str]] = {"to": [], "cc": [], "bcc": []}
    for row in addressed:
        by_role[row.role].append(format_address(Address(row.address, row.name)))
    return {
        "id": mailing.uid,
        "message_id": message_id_of(mailing),
        "from": sender_of(mailing),
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
    """A mails.EmailAnswer; what it said may be deleted."""
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
    """A mails.DeliveryAnswer."""
    return {
        "id": row.id,
        "address": row.address,
        "name": row.name,
        "role": row.role,
        "state": row.state,
        "attempts": row.attempts,
        "code": row.code,
        "reply": row.reply,
        "message_id": message_id_of(mailing, row.id),
        "updated_at": instant(row.updated_at),
        "complained_at": instant(row.complained_at),
    }


def accepted_mailing(uid: str, number: int, total: int, duplicates: int) -> Mapping[str, Any]:
    """A mails.AcceptedMailingAnswer: the same however often it is asked for.

    Of plain values: right after the commit nothing is asked that could fail.
    """
    return {"object": "mailing", "id": uid, "number": number, "total": total, "duplicates": duplicates}


def mailing(found: Mailing) -> Mapping[str, Any]:
    """A mails.MailingAnswer."""
    return {
        **accepted_mailing(found.uid, found.id, found.total, found.duplicates),
        "state": found.state,
        "from": sender_of(found),
        "subject": found.subject,
        "purpose": found.purpose,
        "list": found.list_name or None,
        "counts": {state: number for state, number in found.counts.items() if number},
        "complained": found.complained,
        "created_at": instant(found.created_at),
        "scheduled_at": instant(found.send_at),
        "sending_hours": found.hours,
        "canary": found.canary,
        "release_at": instant(found.release_at),
        "started_at": instant(found.started_at),
        "ended_at": instant(found.ended_at),
    }


def instant(moment: datetime | None) -> str | None:
    """2023-04-03T22:13:42.674+00:00"""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")


def preflight(report: PreflightReport) -> dict[str, Any]:
    """A mails.PreflightAnswer."""
    findings = [
        {"kind": one.kind.value, "message": one.message, "count": one.count, "rows": list(one.rows)}
        for one in report.findings
    ]
    return {"recipients": report.recipients, "findings": findings}
