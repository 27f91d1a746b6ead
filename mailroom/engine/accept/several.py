"""Acceptance of several submissions at once: all of them or none, and one answer for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from mailroom.database.blobs import begin_with
from mailroom.database.engine import Database
from mailroom.database.together import Together
from mailroom.engine import enqueue
from mailroom.engine.accept import keys
from mailroom.engine.accept.submission import Accepted, Idempotency, Submission
from mailroom.engine.accept.write import Written, write
from mailroom.ledger.mailings import idempotency
from mailroom.queue import Queue

WRITTEN_TOGETHER = 10
"""Mailings, in the round trips of one. Of those that no batch has places for each makes one."""


class AnswerForAll(NamedTuple):
    """What the one who submitted is told, the first time and every time after."""

    text: str
    replayed: bool = False


def accept_several(
    database: Database,
    queue: Queue,
    submissions: Sequence[Submission],
    answer: Callable[[Sequence[Accepted]], str],
    key: Idempotency | None = None,
) -> AnswerForAll:
    """Writes all these small mailings in one durable transaction, then enqueues them.

    `answer` makes the text that is remembered under the key, in the same transaction.
    Raises NotAccepted, or SQLAlchemy's errors; nothing was accepted then.
    """
    sizes = [file.size for one in submissions for file in one.content.attachments]
    with begin_with(database, sizes) as connection:
        if key is not None:
            earlier = idempotency.take(connection, key.scope, key.key, key.fingerprint, None)
            if earlier is not None:
                return AnswerForAll(keys.answer_of(earlier, key), replayed=True)
        written = list(_written(connection, submissions))
        text = answer([accepted for accepted, _ in written])
        if key is not None:
            idempotency.remember(connection, key.scope, key.key, text)
    enqueue.onto(queue, [batch for _, gathered in written for batch in gathered])
    return AnswerForAll(text)


def _written(connection: Connection, submissions: Sequence[Submission]) -> Iterator[Written]:
    """The first by itself: it makes the batch that the others join, if none waits."""
    for begin in (0, *range(1, len(submissions), WRITTEN_TOGETHER)):
        some, writes = submissions[begin : begin + (WRITTEN_TOGETHER if begin else 1)], Together(connection)
        yield from [written() for written in [writes.ask(write, one) for one in some]]
