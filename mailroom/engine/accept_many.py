"""Several mailings accepted by one submission: all of them or none, and one answer for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailroom.database.engine import AnyRow, Database
from mailroom.engine import enqueue
from mailroom.engine.accept import Accepted, Draft, Idempotency, KeyReused, StillUnderWay, write
from mailroom.ledger import idempotency
from mailroom.queue import Queue


@dataclass(frozen=True, slots=True)
class Answer:
    """What the one who submitted is told, the first time and every time after."""

    text: str
    replayed: bool = False


def accept_many(
    database: Database,
    queue: Queue,
    drafts: Sequence[Draft],
    answer: Callable[[Sequence[Accepted]], str],
    key: Idempotency | None = None,
) -> Answer:
    """Writes all these small mailings in one durable transaction, then enqueues them.

    `answer` makes the text that is remembered under the key, in the same transaction.
    Raises NotAccepted, or SQLAlchemy's errors; nothing was accepted then.
    """
    with database.begin() as connection:
        if key is not None:
            earlier = idempotency.take(connection, key.scope, key.key, key.fingerprint, None)
            if earlier is not None:
                return Answer(answer_of(earlier, key), replayed=True)
        written = [write(connection, draft) for draft in drafts]
        text = answer([accepted for accepted, _ in written])
        if key is not None:
            idempotency.remember(connection, key.scope, key.key, text)
    enqueue.onto(queue, [batch for _, gathered in written for batch in gathered])
    return Answer(text)


def answer_of(earlier: AnyRow, key: Idempotency) -> str:
    """What the earlier use of the key was answered. Raises NotAccepted when it was for something else."""
    if earlier.fingerprint != key.fingerprint:
        raise KeyReused("This idempotency key was used for a different submission.")
    if earlier.answer is None:
        raise StillUnderWay("The first submission with this idempotency key is still being accepted.")
    return str(earlier.answer)
