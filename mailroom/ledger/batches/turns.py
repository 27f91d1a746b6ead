"""Turns: which batches one job had, and what became of their mails, as the dashboard's page of a job says.

A job is named after its first batch. Counted from the ledger: a mail that was taken keeps its batch, and
every other try names the one in which it was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, Executable, bindparam, func, insert, select

from mailroom.database.engine import AnyRow
from mailroom.database.statement import Statement
from mailroom.database.together import Together
from mailroom.ledger.schema import attempts, batches, deliveries, mailings, turns
from mailroom.ledger.states import State

NOTE_TURN = Statement(
    insert(turns).from_select(
        ["batch_id", "job_batch_id"],
        select(batches.c.id, bindparam("of_job", type_=BigInteger)).where(
            batches.c.id == bindparam("of_batch", type_=BigInteger), batches.c.owner.is_not(None)
        ),
    )
)
LISTED_MAILINGS = 20
"""Single mails share a batch, so a job can have a hundred mailings."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one job did: its mailings by id and subject, and how many mails ended in which state."""

    mailings: list[tuple[int, str]]
    more_mailings: int
    states: dict[State, int]
    batches: int

    @property
    def in_order(self) -> list[tuple[State, int]]:
        return [(state, self.states[state]) for state in State if state in self.states]


def note(connection: Connection, batch_id: int, job_batch_id: int) -> None:
    """Notes that the job named after `job_batch_id` goes on with `batch_id`, if it is claimed."""
    NOTE_TURN.do(connection, of_batch=batch_id, of_job=job_batch_id)


def of_job(connection: Connection, job_batch_id: int) -> Turn:
    """All of the job, whichever of its batches live still; nothing when the ledger knows none of it."""
    further = connection.execute(select(turns.c.batch_id).where(turns.c.job_batch_id == job_batch_id))
    batch_ids = [job_batch_id, *further.scalars()]
    there = deliveries.c.batch_id.in_(batch_ids)
    tried = attempts.c.batch_id.in_(batch_ids)
    counted: Counter[State] = Counter()
    of_deliveries = select(deliveries.c.state, func.count()).where(there).group_by(deliveries.c.state)
    of_tries = select(attempts.c.outcome, func.count()).where(tried).group_by(attempts.c.outcome)
    of_failed = select(deliveries.c.mailing_id).join(attempts, attempts.c.delivery_id == deliveries.c.id)
    mine = select(deliveries.c.mailing_id).where(there).union(of_failed.where(tried))
    listed = select(mailings.c.id, mailings.c.subject).where(mailings.c.id.in_(mine)).order_by(mailings.c.id)
    reads = Together(connection)
    present, past, named = (reads.ask(_all, statement) for statement in (of_deliveries, of_tries, listed))
    for state, number in (*present(), *past()):
        counted[state] += number
    found = [(row[0], row[1]) for row in named()]
    return Turn(
        found[:LISTED_MAILINGS], max(0, len(found) - LISTED_MAILINGS), dict(counted), batches=len(batch_ids)
    )


def _all(connection: Connection, statement: Executable) -> Sequence[AnyRow]:
    return connection.execute(statement).all()
