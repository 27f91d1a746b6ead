"""Tries that were no plain success: what became of each, and by which move its delivery goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from mailroom.ledger import moves, picking
from mailroom.ledger.batches.batches import Lease, owned
from mailroom.ledger.moves import Step, Try
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.states import State

LIVED = {"deaths": 0, "deaths_alone": 0}
"""Whoever learned an outcome lived through the try: its mail is no suspect any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try that was no success.

    `due_in_ms`: when to try again; None: never. An unknown one only as the mailing's policy allows.
    """

    delivery_id: int
    state: State  # one of moves.OF_A_TRY
    code: int | None
    reply: str
    server: str
    stage: str
    due_in_ms: int | None = None
    is_attempt: bool = True


def record_late(connection: Connection, delivery_id: int, code: int, reply: str) -> bool:
    """A 2xx that was recorded only after the batch was reaped: no second copy is needed.

    It holds for every `unknown` delivery, also one that is in a new batch by now. False:
    it is marked again already, or it was settled otherwise.
    """
    step = Step(moves.SENT_LATE, values={"code": code, "reply": reply})
    picked = picking.pick(connection, deliveries.c.id == delivery_id)
    return bool(moves.apply(connection, [(row, step) for row in picked]))


def record_troubles(connection: Connection, lease: Lease, troubles: Iterable[Outcome]) -> set[int]:
    """Writes every outcome but `sent`; which deliveries' could be written.

    Each leaves the batch at once: what is left in it at its close was not tried.
    """
    of = {outcome.delivery_id: outcome for outcome in troubles}
    mine = (deliveries.c.id.in_(of), select(batches.c.id).where(*owned(lease)).exists())
    picked = picking.pick(connection, *mine, of_batch=lease.batch_id)
    moved = moves.apply(connection, [(row, _step(of[row.id], lease.batch_id)) for row in picked])
    return {row.id for row in moved}


def spare(connection: Connection, lease: Lease, refused: Iterable[Outcome]) -> None:
    """Puts back what was refused because of us. It costs no attempt, and what was said is kept."""
    of = {outcome.delivery_id: outcome for outcome in refused}
    if not of:
        return
    mine = (deliveries.c.id.in_(of), select(batches.c.id).where(*owned(lease)).exists())
    steps = []
    for row in picking.pick(connection, *mine, of_batch=lease.batch_id):
        outcome = of[row.id]
        tried = Try(outcome.server, outcome.stage, outcome.code, outcome.reply, batch_id=lease.batch_id)
        steps.append((row, Step(moves.SPARE, outcome.due_in_ms, LIVED, tried)))
    moves.apply(connection, steps)


def _step(outcome: Outcome, batch_id: int) -> Step:
    return Step(
        moves.OF_A_TRY[outcome.state],
        outcome.due_in_ms,
        {"attempts": deliveries.c.attempts + int(outcome.is_attempt), **LIVED},
        Try(outcome.server, outcome.stage, outcome.code, outcome.reply, outcome.state, batch_id),
    )
