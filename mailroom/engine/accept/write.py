"""Writing a submission into the ledger: one way, in two sizes.

one batch   some six statements, each row written once, as it shall stay
staged      a mailing that nobody sees; then its deliveries, some at a time, each time with a new lease;
            the last commit makes it real
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from sqlalchemy import Connection

from mailroom.content.recipients.parsed import Recipient, keys_of
from mailroom.content.recipients.spool import Recipients
from mailroom.database.clock import from_millis
from mailroom.database.connection.page_cache import smaller_cache
from mailroom.database.engine import Database
from mailroom.engine.accept import keys, thresholds
from mailroom.engine.accept.kept_drafts import turn_into
from mailroom.engine.accept.rows import (
    audience_of,
    delivery_rows,
    held_back,
    insert_content,
    insert_files,
    mailing_row,
    starts_at,
)
from mailroom.engine.accept.submission import Accepted, Overtaken, Submission
from mailroom.ledger.batches import gather, join
from mailroom.ledger.batches.batches import Gathered
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.mailings import insertion, lifecycle, staging
from mailroom.ledger.mailings.insertion import NewDelivery
from mailroom.ledger.states import MailingState, State
from mailroom.ledger.webhooks import webhook_events
from mailroom.queue import URGENT

Written = tuple[Accepted, list[Gathered]]
"""The answer, and the batches that are to be enqueued."""


class Begun(NamedTuple):
    """A mailing whose deliveries are to come."""

    mailing_id: int
    uid: str
    queue: str
    starts_at: int  # milliseconds
    audience: Scope
    goes_first: int | None  # so many, before the others


def write(connection: Connection, submission: Submission) -> Written:
    """All of it, in the caller's transaction."""
    if len(submission.recipients) <= thresholds.ONE_BATCH_AT_MOST and submission.goes_first is None:
        return _write_one_batch(connection, submission)
    begun = _begin(connection, submission)
    suppressed = _add(connection, _rows(connection, begun, submission.recipients))
    return _activate(connection, submission, begun, suppressed)


def write_in_parts(
    database: Database, submission: Submission, tell: Callable[[int], object] = lambda written: None
) -> Written:
    """A large one, in many short transactions. `tell` is told how many deliveries are written."""
    with database.begin() as connection:
        begun = _begin(connection, submission)
    suppressed = _add_in_parts(database, begun, submission.recipients, tell)
    with database.begin() as connection:
        return _activate(connection, submission, begun, suppressed)


def _write_one_batch(connection: Connection, submission: Submission) -> Written:
    """In three round trips of PostgreSQL: look; the mailing and its place; all else, and the commit.

    Raises NotAccepted, Replayed, KeyEnded, and SignInEnded.
    """
    address_keys = keys_of(submission.recipients)
    is_new = keys.earlier(connection, submission.idempotency)
    now, listed = insertion.look(connection, address_keys, audience_of(submission), submission.by)
    is_new()
    queued = sum(key not in listed for key in address_keys)
    begins = starts_at(submission, now)
    is_later = begins > now
    state = MailingState.SCHEDULED if is_later else MailingState.ACTIVE
    suppressed = len(submission.recipients) - queued
    row = mailing_row(submission, from_millis(now))
    row |= {
        "state": state,
        "total": len(submission.recipients),
        "queued": queued if is_later else 0,  # the counters leave out what is in a batch
        "suppressed": suppressed,
        "next_due_at": row["send_at"] if is_later and queued else None,
        "staged_until": None,
    }
    in_batch = 0 if is_later else queued
    mailing_id, batch_id, reserved = _insert(connection, submission, row, in_batch)
    begun = Begun(mailing_id, row["uid"], row["queue"], begins, audience_of(submission), None)
    in_new_batch = in_batch if batch_id is None else 0
    new = _insert_what_belongs(connection, submission, begun, in_new_batch, reserved)
    rows = delivery_rows(
        mailing_id, submission.recipients, address_keys, listed, begins, new.id if new else batch_id
    )
    insertion.insert_deliveries(connection, rows)
    _end(connection, submission, begun, suppressed)
    return _accepted(submission, begun, state), [new] if new else []


def _insert(
    connection: Connection, submission: Submission, row: Mapping[str, Any], in_batch: int
) -> tuple[int, int | None, int | None]:
    """The mailing's id; the batch that waits already and has places for so many of its deliveries; and the
    id that one of its own may have, if such are reserved.
    """
    mailing_id = insertion.insert_mailing(connection, row)
    may_join = in_batch and row["queue"] == URGENT and not _goes_alone(submission)
    joined = join.join_batch(connection, in_batch, URGENT, submission.route) if may_join else None
    reserved = gather.reserve_later(connection) if in_batch else None
    return mailing_id(), joined() if joined else None, reserved() if reserved else None


def _insert_what_belongs(
    connection: Connection,
    submission: Submission,
    begun: Begun,
    in_new_batch: int,
    reserved: int | None = None,
) -> Gathered | None:
    """The content, the key; and a new batch for so many deliveries, which is to be enqueued.

    Raises NotAccepted, and Replayed.
    """
    insert_content(connection, submission, begun.mailing_id)
    new = None
    if in_new_batch:
        route, sessions = submission.route, submission.max_sessions
        new = gather.new(connection, in_new_batch, begun.queue, route, sessions, reserved=reserved)
    keys.take(connection, submission.idempotency, begun.mailing_id)
    keys.take_tick(connection, submission.tick, begun.mailing_id)
    insert_files(connection, submission, begun.mailing_id)
    if submission.written_as:
        turn_into(connection, submission.written_as, begun.mailing_id)
    return new() if new else None


def _goes_alone(submission: Submission) -> bool:
    """Is large, for a worker holds a whole batch; or wants sessions of its own."""
    content = submission.content
    is_long = len(content.text) + len(content.html) > thresholds.SHARES_A_BATCH_AT_MOST
    if submission.original is not None:
        is_long = submission.original.size > thresholds.WHOLE_SHARES_A_BATCH_AT_MOST
    return is_long or bool(content.attachments or submission.max_sessions is not None)


def _begin(connection: Connection, submission: Submission) -> Begun:
    """Raises NotAccepted, Replayed, KeyEnded, and SignInEnded."""
    now, _ = insertion.look(connection, [], by=submission.by)
    row = mailing_row(submission, from_millis(now))
    mailing_id, *_ = _insert(connection, submission, row, 0)
    audience, begins = audience_of(submission), starts_at(submission, now)
    begun = Begun(mailing_id, row["uid"], row["queue"], begins, audience, submission.goes_first)
    _insert_what_belongs(connection, submission, begun, 0)
    return begun


def _add_in_parts(
    database: Database, begun: Begun, recipients: Sequence[Recipient], tell: Callable[[int], object]
) -> int:
    """Adds deliveries to a staged mailing; says how many of them are suppressed.

    While the database takes some, the rows of the next are made ready.
    """
    suppressed, start = 0, 0
    with ThreadPoolExecutor(1, "staging") as writer:
        writing: Future[int] | None = None
        for some in _parts(recipients):
            with database.read() as connection:
                rows = _rows(connection, begun, some, start)
            suppressed += writing.result() if writing else 0
            tell(start)
            start += len(some)
            writing = writer.submit(_add_some, database, rows)
        return suppressed + (writing.result() if writing else 0)


def _parts(recipients: Sequence[Recipient]) -> Iterator[Sequence[Recipient]]:
    """As they lie in a spool, which knows how large they are; or so many at a time."""
    size = thresholds.STAGED_AT_ONCE
    blocks = recipients.parts() if isinstance(recipients, Recipients) else (recipients,)
    return (block[start : start + size] for block in blocks for start in range(0, len(block), size))


def _add_some(database: Database, rows: Sequence[NewDelivery]) -> int:
    with database.begin_unflushed() as connection, smaller_cache(connection, thresholds.CACHED_WHILE_STAGING):
        if not staging.renew(connection, rows[0].mailing_id):
            raise Overtaken
        return _add(connection, rows)


def _rows(
    connection: Connection, begun: Begun, recipients: Sequence[Recipient], start: int = 0
) -> list[NewDelivery]:
    """`start`: so many come before these."""
    address_keys = keys_of(recipients)
    _, listed = insertion.look(connection, address_keys, begun.audience)
    rows = delivery_rows(begun.mailing_id, recipients, address_keys, listed, begun.starts_at)
    return rows if begun.goes_first is None else held_back(rows, max(0, begun.goes_first - start))


def _add(connection: Connection, rows: Sequence[NewDelivery]) -> int:
    """Writes deliveries; says how many of them are suppressed."""
    insertion.insert_deliveries(connection, rows)
    return sum(row.state == State.SUPPRESSED for row in rows)


def _activate(connection: Connection, submission: Submission, begun: Begun, suppressed: int) -> Written:
    total, mailing_id = len(submission.recipients), begun.mailing_id
    if submission.by != insertion.BY_NOBODY:  # to write all of them takes its time
        insertion.look(connection, [], by=submission.by)
    if submission.undo:  # counted from now on, when somebody can see it
        lifecycle.begin_not_before(connection, mailing_id, submission.undo * 1_000)
    state = lifecycle.activate(
        connection,
        mailing_id,
        total=total,
        suppressed=suppressed,
        accept_ms=submission.elapsed_ms,
        wait_ms=None
        if submission.goes_first is None or submission.canary_wait is None
        else submission.canary_wait * 1_000,
    )
    if state is None:
        raise Overtaken
    gathered = gather.gather(connection, mailing_id, gather.READY) if state is MailingState.ACTIVE else []
    _end(connection, submission, begun, suppressed)
    return _accepted(submission, begun, state), gathered


def _end(connection: Connection, submission: Submission, begun: Begun, suppressed: int) -> None:
    if suppressed:
        webhook_events.note_suppressed(connection, begun.mailing_id)
    if suppressed == len(submission.recipients):  # nothing waits, so nobody else will end it
        lifecycle.finish(connection, [begun.mailing_id])


def _accepted(submission: Submission, begun: Begun, state: MailingState) -> Accepted:
    return Accepted(
        begun.mailing_id, begun.uid, len(submission.recipients), state, duplicates=submission.duplicates
    )
