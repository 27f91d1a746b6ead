"""Acceptance of one mailing: on disk first, then onto the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from mailroom.database import group_commit
from mailroom.database.engine import Database
from mailroom.engine import enqueue
from mailroom.engine.accept import thresholds
from mailroom.engine.accept.aftermath import aftermath
from mailroom.engine.accept.draft import Accepted, Draft, DraftRefused, Replayed, StillUnderWay
from mailroom.engine.accept.write import Written, write, write_in_parts
from mailroom.ledger.mailings import mailings
from mailroom.queue import Queue

log = structlog.get_logger()


def accept(
    database: Database, queue: Queue, draft: Draft, tell: Callable[[int], object] = lambda written: None
) -> Accepted:
    """Writes the mailing durably, then puts its first batches onto the queue.

    `tell` is told how many recipients of a large one are written; it is accepted when all is over.
    Raises NotAccepted; a database that is away raises SQLAlchemy's OperationalError, and
    nothing was accepted then.
    """
    if not draft.recipients:
        raise DraftRefused([("recipients", "Add at least one recipient.")])
    try:
        accepted, gathered = _write(database, draft, tell)
    except Replayed as replayed:
        return answer_again(database, replayed.mailing_id)
    enqueued = enqueue.onto(queue, gathered)
    with aftermath("its line in the log"):
        log.info(
            "a mailing is accepted",
            mailing=accepted.mailing_id,
            uid=accepted.uid,
            recipients=accepted.total,
            **({"program": draft.program_id} if draft.program_id else {"user": draft.user_id}),
        )
    return replace(accepted, enqueued=enqueued, ms=draft.elapsed_ms)


def _write(database: Database, draft: Draft, tell: Callable[[int], object]) -> Written:
    if _shares_a_commit(draft):
        return group_commit.write(database, lambda connection: write(connection, draft))
    if len(draft.recipients) > thresholds.STAGED_AT_ONCE:
        return write_in_parts(database, draft, tell)
    with database.begin() as connection:
        return write(connection, draft)


def _shares_a_commit(draft: Draft) -> bool:
    files = sum(file.size for file in draft.content.attachments)
    if draft.original is not None:
        files += len(draft.original.data)
    few = len(draft.recipients) <= thresholds.SHARES_A_COMMIT_AT_MOST
    return few and files <= thresholds.FILES_SHARE_A_COMMIT_AT_MOST


def answer_again(database: Database, mailing_id: int) -> Accepted:
    """What the first submission was answered. Raises StillUnderWay: its mailing is not there any more."""
    found = database.look(mailings.FIND_ACCEPTED, of_mailing=mailing_id)
    if found is None:
        raise StillUnderWay
    uid, total, state, ms, duplicates = found
    return Accepted(mailing_id, uid, total, state, replayed=True, ms=ms, duplicates=duplicates)
