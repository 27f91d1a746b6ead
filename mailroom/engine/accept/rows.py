"""Rows: what a submission becomes in the ledger, whatever its size."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence, Set
from datetime import datetime, timedelta
from functools import partial
from itertools import repeat
from typing import Any, cast

from pydantic_core import to_json
from sqlalchemy import Connection

from mailroom.content.addresses import format_address
from mailroom.content.merge.tags import is_plain
from mailroom.content.message.message_ids import new_id_secret
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.schedule.sending_hours import begins_at
from mailroom.database.clock import from_millis, to_millis
from mailroom.engine.accept import thresholds
from mailroom.engine.accept.submission import Submission
from mailroom.ledger import moves
from mailroom.ledger.consent import scopes
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.mailings import canary, contents, originals, staging
from mailroom.ledger.mailings.insertion import NewDelivery
from mailroom.ledger.states import MailingState
from mailroom.queue import BULK, URGENT

MILLISECOND = timedelta(milliseconds=1)

_new_delivery = cast(Callable[[tuple[object, ...]], NewDelivery], partial(tuple.__new__, NewDelivery))
"""Of all its fields, in a third of the time."""


def queue_of(submission: Submission) -> str:
    """`urgent`, if it may overtake larger mailings."""
    number = len(submission.recipients)
    if number <= thresholds.LIQUID_URGENT_AT_MOST:
        return URGENT
    return URGENT if number <= thresholds.URGENT_AT_MOST and not _has_liquid(submission) else BULK


def audience_of(submission: Submission) -> Scope:
    """Whom it writes to: what of the suppression list it heeds."""
    content = submission.content
    return scopes.audience(content.purpose, content.sender.address, content.list_name)


def _has_liquid(submission: Submission) -> bool:
    content = submission.content
    if submission.original or not content.is_personal:
        return False
    headers = (value for _, value in content.headers)
    return not all(map(is_plain, (content.subject, content.text, content.html, *headers)))


def starts_at(submission: Submission, now: int) -> int:
    """Milliseconds, as `now` is."""
    begins = now + submission.undo * 1_000
    if submission.send_at is not None:
        begins = max(begins, to_millis(submission.send_at))
    return begins if submission.hours is None else to_millis(begins_at(submission.hours, from_millis(begins)))


def mailing_row(submission: Submission, now: datetime) -> dict[str, Any]:
    """As it is while staged: its state, its counters and when to look at it are still to come."""
    content, start = submission.content, from_millis(starts_at(submission, to_millis(now)))
    hours = submission.hours
    return {
        "uid": str(uuid.uuid4()),
        "kind": content.kind,
        "state": MailingState.STAGED,
        "queue": queue_of(submission),
        "user_id": submission.user_id,
        "program_id": submission.program_id,
        "sender_address": content.sender.address,
        "sender_name": content.sender.name,
        "subject": content.subject,
        "purpose": content.purpose,
        "list_name": content.list_name,
        "message_id": submission.original.message_id if submission.original else None,
        "total": 0,
        "duplicates": submission.duplicates,
        "queued": 0,
        "suppressed": 0,
        "if_unknown": submission.if_unknown,
        "evidence_ms": submission.evidence_wait // MILLISECOND
        if submission.if_unknown == "evidence"
        else None,
        "route": submission.route,
        "max_sessions": submission.max_sessions,
        "created_at": now,
        "accept_ms": submission.elapsed_ms,
        "send_at": start if start > now else submission.send_at,
        "expires_at": submission.expires_at or start + submission.expires_after + _held_back_for(submission),
        "next_due_at": None,
        "staged_until": to_millis(now) + staging.STAGING_LEASE_MS,
        "canary": submission.goes_first,
        "hours": None if hours is None else str(hours),
        "closes_at": None if hours is None else hours.window(start).closes_at,
        "id_secret": new_id_secret(),
    }


def _held_back_for(submission: Submission) -> timedelta:
    return timedelta(seconds=(submission.canary_wait or 0) if submission.goes_first else 0)


def delivery_rows(
    mailing_id: int,
    recipients: Sequence[Recipient],
    address_keys: Sequence[str],
    listed: Set[str],
    starts_at: int,
    batch_id: int | None = None,
) -> list[NewDelivery]:
    """One for each recipient: suppressed if its key is `listed`, else in the batch or due at `starts_at`."""
    due_at = starts_at if batch_id is None else None
    waiting, suppressed = (moves.accepted(is_listed).value for is_listed in (False, True))
    if recipients and listed.isdisjoint(address_keys):
        addresses, names, variables, roles = zip(*recipients, strict=True)
        texts = [None if some is None else to_json(some).decode() for some in variables]
        same = map(repeat, (waiting, due_at, batch_id, starts_at, None, None))
        rows = zip(repeat(mailing_id), addresses, address_keys, names, roles, texts, *same, strict=False)
        return list(map(_new_delivery, rows))
    return [
        NewDelivery(
            mailing_id,
            address,
            key,
            name,
            role,
            None if variables is None else to_json(variables).decode(),
            suppressed if (is_listed := key in listed) else waiting,
            None if is_listed else due_at,
            None if is_listed else batch_id,
            starts_at,
            suppressed if is_listed else None,
            starts_at if is_listed else None,
        )
        for (address, name, variables, role), key in zip(recipients, address_keys, strict=True)
    ]


def held_back(rows: Sequence[NewDelivery], but: int) -> list[NewDelivery]:
    """The same rows, of which all but the first so many wait until they are let go."""
    others = (row if row.due_at is None else row._replace(due_at=canary.HELD_BACK) for row in rows[but:])
    return [*rows[:but], *others]


def insert_content(connection: Connection, submission: Submission, mailing_id: int) -> None:
    """What the mailing says."""
    content = submission.content
    stored = contents.StoredContent(
        text=content.text,
        html=content.html,
        reply_to=[format_address(address) for address in content.reply_to],
        headers=list(content.headers),
        columns=list(submission.columns),
        tags=list(submission.tags),
    )
    contents.insert_one(connection, mailing_id, stored)


def insert_files(connection: Connection, submission: Submission, mailing_id: int) -> None:
    """Its files, and the original message if it came as one."""
    files = [
        contents.SlicedFile(file.filename, file.content_type, file.content_id, file.size, file.slices)
        for file in submission.content.attachments
    ]
    contents.insert_files(connection, mailing_id, files)
    if submission.original is not None:
        sender, pieces = submission.original.envelope_sender, submission.original.pieces
        originals.insert_one(connection, mailing_id, sender, submission.original.size, pieces)
