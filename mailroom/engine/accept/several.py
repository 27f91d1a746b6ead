"""Acceptance of several submissions at once: all of them or none, and one answer for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mailroom.database.engine import Database
from mailroom.engine import enqueue
from mailroom.engine.accept import keys
from mailroom.engine.accept.submission import Accepted, Idempotency, Submission
from mailroom.engine.accept.write import write
from mailroom.ledger.mailings import idempotency
from mailroom.queue import Queue


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
    with database.begin() as connection:
        if key is not None:
            earlier = idempotency.take(connection, key.scope, key.key, key.fingerprint, None)
            if earlier is not None:
                return AnswerForAll(keys.answer_of(earlier, key), replayed=True)
        written = [write(connection, submission) for submission in submissions]
        text = answer([accepted for accepted, _ in written])
        if key is not None:
            idempotency.remember(connection, key.scope, key.key, text)
    enqueue.onto(queue, [batch for _, gathered in written for batch in gathered])
    return AnswerForAll(text)
