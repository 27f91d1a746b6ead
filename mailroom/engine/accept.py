"""Acceptance: from what somebody submitted to deliveries on disk, then onto the queue."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from pydantic_core import to_json
from sqlalchemy import Connection, select

from mailroom.content.recipients import Recipient
from mailroom.database import group_commit, planner
from mailroom.database.clock import from_millis, now_millis, to_millis
from mailroom.database.engine import Database
from mailroom.engine import enqueue, small
from mailroom.engine.draft import (
    Accepted,
    Draft,
    Idempotency,
    KeyReused,
    NotAccepted,
    Refused,
    Replayed,
    StillUnderWay,
)
from mailroom.engine.rows import URGENT_AT_MOST, insert_content, mailing_values, take_key
from mailroom.ledger import gathering, insertion, mailings, moves, suppressions, webhooks
from mailroom.ledger.batches import Gathered
from mailroom.ledger.insertion import NewDelivery
from mailroom.ledger.states import MailingState
from mailroom.queue import Queue

__all__ = [
    "Accepted",
    "Draft",
    "Idempotency",
    "KeyReused",
    "NotAccepted",
    "Refused",
    "StillUnderWay",
    "accept",
    "write",
]

QUEUED, SUPPRESSED = (state.value for state in (moves.accepted(False), moves.accepted(True)))

CHUNK = 2_500
"""Deliveries written in one transaction: nobody waits long for SQLite's lock meanwhile."""


def accept(database: Database, queue: Queue, draft: Draft) -> Accepted:
    """Writes the mailing durably, then puts its first batches onto the queue.

    Raises NotAccepted; a database that is away raises SQLAlchemy's OperationalError, and
    nothing was accepted then.
    """
    if not draft.recipients:
        raise Refused([("recipients", "Add at least one recipient.")])
    try:
        accepted, gathered = _write(database, draft)
    except Replayed as replayed:
        return _answer_again(database, replayed.mailing_id)
    enqueued = enqueue.onto(queue, gathered)
    return replace(accepted, enqueued=enqueued, ms=draft.elapsed_ms)


def write(connection: Connection, draft: Draft) -> tuple[Accepted, list[Gathered]]:
    """All of a mailing to at most CHUNK recipients, in the caller's transaction."""
    if small.fits(draft):
        return small.write(connection, draft)
    mailing_id, uid, due_at = _stage(connection, draft)
    suppressed = _add(connection, _rows(connection, mailing_id, due_at, draft.recipients))
    return _activate(connection, draft, mailing_id, uid, suppressed)


def _write(database: Database, draft: Draft) -> tuple[Accepted, list[Gathered]]:
    if len(draft.recipients) <= URGENT_AT_MOST:
        return group_commit.write(database, lambda connection: write(connection, draft))
    if len(draft.recipients) <= CHUNK:
        with database.begin() as connection:
            return write(connection, draft)
    with database.begin() as connection:
        mailing_id, uid, due_at = _stage(connection, draft)
    suppressed = _add_in_chunks(database, mailing_id, due_at, draft.recipients)
    with database.begin() as connection:
        return _activate(connection, draft, mailing_id, uid, suppressed)


def _add_in_chunks(database: Database, mailing_id: int, due_at: int, recipients: Sequence[Recipient]) -> int:
    """Writes deliveries of a staged mailing; says how many of them are suppressed.

    While the database takes one chunk, the rows of the next are made ready.
    """
    suppressed = 0
    with ThreadPoolExecutor(1, "staging") as writer:
        writing: Future[int] | None = None
        for start in range(0, len(recipients), CHUNK):
            with database.read() as connection:
                rows = _rows(connection, mailing_id, due_at, recipients[start : start + CHUNK])
            suppressed += writing.result() if writing else 0
            writing = writer.submit(_add_staged, database, rows)
        return suppressed + (writing.result() if writing else 0)


def _add_staged(database: Database, rows: Sequence[NewDelivery]) -> int:
    with database.begin() as connection:
        planner.flush_with_a_later_commit(connection)
        return _add(connection, rows)


def _stage(connection: Connection, draft: Draft) -> tuple[int, str, int]:
    now = from_millis(connection.execute(select(now_millis())).scalar_one())
    values = mailing_values(draft, now)
    mailing_id = mailings.insert_staged(connection, values)
    take_key(connection, draft.idempotency, mailing_id)
    insert_content(connection, draft, mailing_id)
    return mailing_id, values["uid"], to_millis(max(now, draft.send_at or now))


def _add(connection: Connection, rows: Sequence[NewDelivery]) -> int:
    """Writes deliveries; says how many of them are suppressed."""
    insertion.insert_rows(connection, rows)
    return sum(row.state == SUPPRESSED for row in rows)


def _rows(
    connection: Connection, mailing_id: int, due_at: int, recipients: Sequence[Recipient]
) -> list[NewDelivery]:
    keys = [recipient.key for recipient in recipients]
    listed = suppressions.among(connection, keys)
    return [
        _row(mailing_id, due_at, recipient, key, key in listed)
        for recipient, key in zip(recipients, keys, strict=True)
    ]


def _row(mailing_id: int, due_at: int, recipient: Recipient, key: str, is_stopped: bool) -> NewDelivery:
    variables = recipient.variables
    return NewDelivery(
        mailing_id,
        recipient.address,
        key,
        recipient.name,
        recipient.role,
        None if variables is None else to_json(variables).decode(),
        SUPPRESSED if is_stopped else QUEUED,
        None if is_stopped else due_at,
        due_at,
    )


def _activate(
    connection: Connection, draft: Draft, mailing_id: int, uid: str, suppressed: int
) -> tuple[Accepted, list[Gathered]]:
    total = len(draft.recipients)
    state = mailings.activate(
        connection, mailing_id, total=total, suppressed=suppressed, accept_ms=draft.elapsed_ms
    )
    is_active = state is MailingState.ACTIVE
    gathered = gathering.gather(connection, mailing_id, gathering.READY) if is_active else []
    if suppressed:
        webhooks.note_suppressed(connection, mailing_id)
    if suppressed == total:  # nothing waits, so nobody else will end it
        mailings.finish(connection, [mailing_id])
    return Accepted(mailing_id, uid, total, state), gathered


def _answer_again(database: Database, mailing_id: int) -> Accepted:
    with database.read() as connection:
        mailing = mailings.get(connection, mailing_id)
    if mailing is None:
        raise StillUnderWay("The first submission with this idempotency key is still being accepted.")
    return Accepted(
        mailing.id, mailing.uid, mailing.total, mailing.state, replayed=True, ms=mailing.accept_ms
    )
