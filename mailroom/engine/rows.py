"""From a draft to the rows that every acceptance writes, whatever its size."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mailroom.content.addresses import format_address
from mailroom.content.merge import is_plain
from mailroom.engine.draft import Draft, Idempotency, KeyReused, Replayed, StillUnderWay
from mailroom.ledger import contents, idempotency, originals, states
from mailroom.queue import BULK, URGENT

URGENT_AT_MOST = 25
"""A mailing to so many recipients is small enough to overtake larger ones."""


def is_urgent(draft: Draft) -> bool:
    """Whether it may overtake larger mailings. Liquid for several may be work for several seconds: it takes
    its turn with the others, while a single mail never does.
    """
    content, number = draft.content, len(draft.recipients)
    if number <= 1 or number > URGENT_AT_MOST or draft.original or not content.is_personal:
        return number <= URGENT_AT_MOST
    return all(map(is_plain, (content.subject, content.text, content.html)))


def mailing_values(draft: Draft, now: datetime) -> dict[str, Any]:
    """What a row of `mailings` holds from its first moment on."""
    content, start = draft.content, max(now, draft.send_at or now)
    return {
        "uid": str(uuid.uuid4()),
        "kind": content.kind,
        "queue": URGENT if is_urgent(draft) else BULK,
        "user_id": draft.user_id,
        "program_id": draft.program_id,
        "sender_address": content.sender.address,
        "sender_name": content.sender.name,
        "subject": content.subject,
        "message_id": draft.original.message_id if draft.original else None,
        "duplicates": draft.duplicates,
        "if_unknown": draft.if_unknown,
        "route": draft.route,
        "max_sessions": draft.max_sessions,
        "created_at": now,
        "send_at": draft.send_at,
        "expires_at": draft.expires_at or start + draft.expires_after,
    }


def insert_content(connection: Connection, draft: Draft, mailing_id: int) -> None:
    """What the mailing says, its files, and the original message if it came as one."""
    content = draft.content
    stored = contents.StoredContent(
        text=content.text,
        html=content.html,
        reply_to=[format_address(address) for address in content.reply_to],
        headers=list(content.headers),
        columns=list(draft.columns),
        tags=list(draft.tags),
    )
    files = (
        {
            "filename": attachment.filename,
            "content_type": attachment.content_type,
            "content_id": attachment.content_id,
            "data": attachment.data,
        }
        for attachment in content.attachments
    )
    contents.insert_one(connection, mailing_id, stored, files)
    if draft.original is not None:
        originals.insert_one(connection, mailing_id, draft.original.envelope_sender, draft.original.data)


def take_key(connection: Connection, key: Idempotency | None, mailing_id: int) -> None:
    """Raises Replayed, KeyReused or StillUnderWay when somebody was here before."""
    if key is None:
        return
    earlier = idempotency.take(connection, key.scope, key.key, key.fingerprint, mailing_id)
    if earlier is None:
        return
    if earlier.fingerprint != key.fingerprint:
        raise KeyReused("This idempotency key was used for a different submission.")
    if earlier.mailing_id is None or earlier.state == states.STAGED:
        raise StillUnderWay("The first submission with this idempotency key is still being accepted.")
    raise Replayed(earlier.mailing_id)
