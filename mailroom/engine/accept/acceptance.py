"""Acceptance of one mailing: on disk, and onto the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from mailroom.database import group_commit
from mailroom.database.engine import Database
from mailroom.engine.accept import thresholds
from mailroom.engine.accept.aftermath import aftermath
from mailroom.engine.accept.early_jobs import EarlyJobs
from mailroom.engine.accept.submission import Accepted, Replayed, StillUnderWay, Submission, SubmissionRefused
from mailroom.engine.accept.write import Written, write, write_in_parts
from mailroom.ledger.mailings import mailings
from mailroom.queue import Queue

log = structlog.get_logger()


def accept(
    database: Database,
    queue: Queue,
    submission: Submission,
    tell: Callable[[int], object] = lambda written: None,
) -> Accepted:
    """Writes the mailing durably, then puts its first batches onto the queue.

    `tell` is told how many recipients of a large one are written; it is accepted when all is over.
    Raises NotAccepted; a database that is away raises SQLAlchemy's OperationalError, and
    nothing was accepted then.
    """
    if not submission.recipients:
        raise SubmissionRefused([("recipients", "Add at least one recipient.")])
    with EarlyJobs(queue) as jobs:
        try:
            accepted, gathered = _write(database, submission, tell, jobs)
        except Replayed as replayed:
            return answer_again(database, replayed.mailing_id)
        enqueued = jobs.onto(gathered)
    with aftermath("its line in the log"):
        log.info(
            "a mailing is accepted",
            mailing=accepted.mailing_id,
            uid=accepted.uid,
            recipients=accepted.total,
            **({"program": submission.program_id} if submission.program_id else {"user": submission.user_id}),
        )
    return replace(accepted, enqueued=enqueued, ms=submission.elapsed_ms)


def _write(
    database: Database, submission: Submission, tell: Callable[[int], object], jobs: EarlyJobs
) -> Written:
    if _shares_a_commit(submission):
        return group_commit.write(
            database,
            lambda connection: write(connection, submission),
            meanwhile=lambda written: jobs.send(written[1]),
        )
    if len(submission.recipients) > thresholds.STAGED_AT_ONCE:
        return write_in_parts(database, submission, tell)
    with database.begin() as connection:
        return write(connection, submission)


def _shares_a_commit(submission: Submission) -> bool:
    files = sum(file.size for file in submission.content.attachments)
    if submission.original is not None:
        files += submission.original.size
    few = len(submission.recipients) <= thresholds.SHARES_A_COMMIT_AT_MOST
    return few and files <= thresholds.FILES_SHARE_A_COMMIT_AT_MOST


def answer_again(database: Database, mailing_id: int) -> Accepted:
    """What the first submission was answered. Raises StillUnderWay: its mailing is not there any more."""
    found = database.look(mailings.FIND_ACCEPTED, of_mailing=mailing_id)
    if found is None:
        raise StillUnderWay
    uid, total, state, ms, duplicates = found
    return Accepted(mailing_id, uid, total, state, replayed=True, ms=ms, duplicates=duplicates)
