"""Acceptance: from what somebody submitted to deliveries on disk, then onto the queue.

NotAccepted         one family: nothing was written
├── Refused         `problems`: (field, what to do) for the person who submitted
├── KeyReused       the idempotency key belongs to another submission
└── StillUnderWay   the same submission is being accepted right now
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from pydantic_core import to_json
from sqlalchemy import Connection, select

from mailroom.content.addresses import format_address
from mailroom.content.content import Content
from mailroom.content.original import Original
from mailroom.content.recipients import Recipient
from mailroom.database import Database, from_millis, now_millis, to_millis
from mailroom.engine import enqueue, together
from mailroom.ledger import (
    batches,
    idempotency,
    insertion,
    mailings,
    originals,
    passengers,
    states,
    suppressions,
    webhooks,
)
from mailroom.ledger.insertion import NewDelivery
from mailroom.queue import BULK, URGENT, Queue

URGENT_AT_MOST = 25
"""A mailing to so many recipients is small enough to overtake larger ones."""

CHUNK = 2_500
"""Deliveries written in one transaction: nobody waits long for SQLite's lock meanwhile."""


class NotAccepted(Exception):
    """Nothing was written."""


class Refused(NotAccepted):
    """What was submitted cannot be mailed. `problems`: (field, what is wrong and what to do)."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(message for _, message in problems))
        self.problems = list(problems)


class KeyReused(NotAccepted):
    """The idempotency key was used for a different submission."""


class StillUnderWay(NotAccepted):
    """A submission with this key is being accepted; its answer is not there yet."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Makes a second submission get the first one's answer.

    scope: whose keys these are; fingerprint: sha-256 (hex) of what was submitted.
    """

    scope: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be accepted. `started`: time.perf_counter() when the request came in."""

    content: Content
    recipients: Sequence[Recipient]
    columns: Sequence[str] = ()
    duplicates: int = 0
    send_at: datetime | None = None
    expires_at: datetime | None = None
    expires_after: timedelta = timedelta(hours=48)  # counted from when it may begin
    if_unknown: str = "resend"
    user_id: int | None = None
    tags: Sequence[tuple[str, str]] = ()
    idempotency: Idempotency | None = None
    route: str = ""
    max_sessions: int | None = None
    original: Original | None = None  # mailed as it came; content is then what pages show
    started: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer. `enqueued`: False when the queue is away; sending starts when it is back."""

    mailing_id: int
    uid: str
    total: int
    state: str
    enqueued: bool = True
    replayed: bool = False
    ms: int = 0


class _Replayed(Exception):
    def __init__(self, mailing_id: int) -> None:
        self.mailing_id = mailing_id


def accept(database: Database, queue: Queue, draft: Draft) -> Accepted:
    """Writes the mailing durably, then puts its first batches onto the queue.

    Raises NotAccepted; a database that is away raises SQLAlchemy's OperationalError, and
    nothing was accepted then.
    """
    if not draft.recipients:
        raise Refused([("recipients", "Add at least one recipient.")])
    try:
        accepted, gathered = _write(database, draft)
    except _Replayed as replayed:
        return _answer_again(database, replayed.mailing_id)
    enqueued = enqueue.onto(queue, gathered)
    return Accepted(
        accepted.mailing_id,
        accepted.uid,
        accepted.total,
        accepted.state,
        enqueued=enqueued,
        ms=_elapsed_ms(draft),
    )


def write(connection: Connection, draft: Draft) -> tuple[Accepted, list[batches.Gathered]]:
    """All of a mailing to at most CHUNK recipients, in the caller's transaction."""
    mailing_id, uid, due_at = _stage(connection, draft)
    suppressed = _add(connection, _rows(connection, mailing_id, due_at, draft.recipients))
    return _activate(connection, draft, mailing_id, uid, suppressed)


def _write(database: Database, draft: Draft) -> tuple[Accepted, list[batches.Gathered]]:
    if len(draft.recipients) <= URGENT_AT_MOST:
        return together.write(database, lambda connection: write(connection, draft))
    if len(draft.recipients) <= CHUNK:
        with database.begin() as connection:
            return write(connection, draft)
    rest = iter(draft.recipients)
    with database.begin() as connection:
        mailing_id, uid, due_at = _stage(connection, draft)
        suppressed = 0
    while chunk := list(islice(rest, CHUNK)):
        # Made ready before the lock is taken: so others have their turn between two chunks.
        with database.read() as connection:
            rows = _rows(connection, mailing_id, due_at, chunk)
        with database.begin() as connection:
            suppressed += _add(connection, rows)
    with database.begin() as connection:
        return _activate(connection, draft, mailing_id, uid, suppressed)


def _stage(connection: Connection, draft: Draft) -> tuple[int, str, int]:
    now = from_millis(connection.execute(select(now_millis())).scalar_one())
    start = max(now, draft.send_at or now)
    content, uid = draft.content, str(uuid.uuid4())
    values = {
        "uid": uid,
        "kind": content.kind,
        "queue": URGENT if len(draft.recipients) <= URGENT_AT_MOST else BULK,
        "user_id": draft.user_id,
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
    mailing_id = mailings.insert_staged(connection, values)
    if draft.idempotency is not None:
        _take_key(connection, draft.idempotency, mailing_id)
    stored = mailings.StoredContent(
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
    mailings.insert_content(connection, mailing_id, stored, files)
    if draft.original is not None:
        originals.insert_one(connection, mailing_id, draft.original.envelope_sender, draft.original.data)
    return mailing_id, uid, to_millis(start)


def _take_key(connection: Connection, idempotency_key: Idempotency, mailing_id: int) -> None:
    earlier = idempotency.take(
        connection,
        idempotency_key.scope,
        idempotency_key.key,
        idempotency_key.fingerprint,
        mailing_id,
    )
    if earlier is None:
        return
    if earlier.fingerprint != idempotency_key.fingerprint:
        raise KeyReused("This idempotency key was used for a different submission.")
    if earlier.mailing_id is None or earlier.state == states.STAGED:
        raise StillUnderWay("The first submission with this idempotency key is still being accepted.")
    raise _Replayed(earlier.mailing_id)


def _add(connection: Connection, rows: Sequence[NewDelivery]) -> int:
    """Writes deliveries; says how many of them are suppressed."""
    insertion.insert_rows(connection, rows)
    return sum(row.state == states.SUPPRESSED for row in rows)


def _rows(
    connection: Connection, mailing_id: int, due_at: int, recipients: Sequence[Recipient]
) -> list[NewDelivery]:
    listed = suppressions.among(connection, (recipient.key for recipient in recipients))
    return [_row(mailing_id, due_at, recipient, listed) for recipient in recipients]


def _row(mailing_id: int, due_at: int, recipient: Recipient, listed: Collection[str]) -> NewDelivery:
    key, variables = recipient.key, recipient.variables
    is_stopped = key in listed
    return NewDelivery(
        mailing_id,
        recipient.address,
        key,
        recipient.name,
        recipient.role,
        None if variables is None else to_json(variables).decode(),
        states.SUPPRESSED if is_stopped else states.QUEUED,
        None if is_stopped else due_at,
        due_at,
    )


def _activate(
    connection: Connection, draft: Draft, mailing_id: int, uid: str, suppressed: int
) -> tuple[Accepted, list[batches.Gathered]]:
    total = len(draft.recipients)
    state = mailings.activate(
        connection, mailing_id, total=total, suppressed=suppressed, accept_ms=_elapsed_ms(draft)
    )
    gathered: list[batches.Gathered] = []
    if state == states.ACTIVE and not _joins_a_burst(connection, draft, mailing_id, total - suppressed):
        gathered = batches.gather(connection, mailing_id, batches.READY)
    if suppressed:
        webhooks.note_suppressed(connection, mailing_id)
    if suppressed == total:  # nothing waits, so nobody else will end it
        mailings.finish(connection, [mailing_id])
    return Accepted(mailing_id, uid, total, state), gathered


def _joins_a_burst(connection: Connection, draft: Draft, mailing_id: int, number: int) -> bool:
    """Whether a batch that waits already takes it. Not what is large: a worker holds a whole batch."""
    is_large = draft.original is not None or draft.content.attachments or draft.max_sessions is not None
    if is_large or not 0 < number <= URGENT_AT_MOST or len(draft.recipients) > URGENT_AT_MOST:
        return False
    return passengers.board(connection, mailing_id, number, URGENT, draft.route)


def _answer_again(database: Database, mailing_id: int) -> Accepted:
    with database.read() as connection:
        mailing = mailings.get(connection, mailing_id)
    if mailing is None:
        raise StillUnderWay("The first submission with this idempotency key is still being accepted.")
    return Accepted(
        mailing.id, mailing.uid, mailing.total, mailing.state, replayed=True, ms=mailing.accept_ms
    )


def _elapsed_ms(draft: Draft) -> int:
    return round((time.perf_counter() - draft.started) * 1000)
