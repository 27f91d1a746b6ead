"""The acceptance of a mailing that fits into one batch: some six statements, each row written once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from mailroom.content.recipients import Recipient
from mailroom.database.clock import from_millis, to_millis
from mailroom.engine.draft import Accepted, Draft
from mailroom.engine.rows import insert_content, is_urgent, mailing_values, take_key
from mailroom.ledger import gathering, mailings, moves, passengers, small_mailings, webhooks
from mailroom.ledger.batches import Gathered
from mailroom.ledger.states import MailingState
from mailroom.queue import BULK, URGENT


def fits(draft: Draft) -> bool:
    return len(draft.recipients) <= gathering.SIZE


def write(connection: Connection, draft: Draft) -> tuple[Accepted, list[Gathered]]:
    """All of it, in the caller's transaction."""
    total = len(draft.recipients)
    now, listed = small_mailings.look(connection, [recipient.key for recipient in draft.recipients])
    queued = sum(recipient.key not in listed for recipient in draft.recipients)
    due_at = now if draft.send_at is None else max(now, to_millis(draft.send_at))
    is_later = due_at > now
    values = mailing_values(draft, from_millis(now)) | {
        "state": MailingState.SCHEDULED if is_later else MailingState.ACTIVE,
        "total": total,
        "queued": queued if is_later else 0,  # the counters leave out what is in a batch
        "suppressed": total - queued,
        "accept_ms": draft.elapsed_ms,
        "next_due_at": draft.send_at if is_later and queued else None,
    }
    mailing_id = small_mailings.insert_mailing(connection, values)
    take_key(connection, draft.idempotency, mailing_id)
    insert_content(connection, draft, mailing_id)
    will_go = queued and not is_later
    batch_id, gathered = _batch(connection, draft, queued) if will_go else (None, [])

    def row(recipient: Recipient) -> dict[str, Any]:
        is_stopped = recipient.key in listed
        return {
            "mailing_id": mailing_id,
            "address": recipient.address,
            "address_key": recipient.key,
            "name": recipient.name,
            "role": recipient.role,
            "variables": recipient.variables,
            "state": moves.accepted(is_stopped),
            "due_at": due_at if is_later and not is_stopped else None,
            "batch_id": None if is_stopped else batch_id,
            "updated_at": due_at,
        }

    small_mailings.insert_deliveries(connection, [row(recipient) for recipient in draft.recipients])
    if queued < total:
        webhooks.note_suppressed(connection, mailing_id)
    if not queued:  # nothing waits, so nobody else will end it
        mailings.finish(connection, [mailing_id])
    return Accepted(mailing_id, values["uid"], total, values["state"]), gathered


def _batch(connection: Connection, draft: Draft, number: int) -> tuple[int | None, list[Gathered]]:
    """The batch for so many deliveries: one that waits already, or a new one, which is to be enqueued."""
    queue = URGENT if is_urgent(draft) else BULK
    if queue == URGENT and not _is_large(draft):
        boarded = passengers.board(connection, number, URGENT, draft.route)
        if boarded is not None:
            return boarded, []
    new = gathering.new(connection, number, queue, draft.route, draft.max_sessions)
    return new.id, [new]


def _is_large(draft: Draft) -> bool:
    """Goes alone: a worker holds a whole batch."""
    return bool(draft.original or draft.content.attachments or draft.max_sessions is not None)
