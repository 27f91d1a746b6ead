"""Reaping: batches that a worker that died or stopped for too long left behind, and how they come back."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from mailroom.database.clock import now_millis
from mailroom.ledger import moves
from mailroom.ledger.batches import batches
from mailroom.ledger.moves import Picked, Step, Try
from mailroom.ledger.schema import batches as batches_table
from mailroom.ledger.schema import deliveries
from mailroom.ledger.states import State
from mailroom.ledger.sweep import rounds

MOST_DEATHS = 3
"""A delivery that three workers died of is not tried a fourth time."""

SUSPECTS = 10
"""A worker has few mails in hand at once: only the first unsent ones can have killed it."""


def expired(connection: Connection, most: int = 20) -> list[int]:
    """Ids of batches whose lease ran out."""
    statement = select(batches_table.c.id).where(batches_table.c.lease_until < now_millis())
    return list(connection.execute(statement.order_by(batches_table.c.id).limit(most)).scalars())


def reap(connection: Connection, batch_id: int) -> bool:
    """Gives back what an expired batch held; False when its owner came back in time.

    What was `sending` becomes `unknown`: its final dot may have left. By the mailing's
    policy it is due once more, or stays for a person to decide.
    """
    gone = delete(batches_table).where(
        batches_table.c.id == batch_id,
        batches_table.c.lease_until < now_millis(),
        # Looked at in the very statement: before it we may have stood still for an hour.
        ~rounds.is_late(),
    )
    row = connection.execute(gone.returning(batches_table.c.owner)).one_or_none()
    if row is None:
        return False
    # This also waits for the last writes: a mark that was set while the lease still ran may be
    # committed only now (PostgreSQL).
    left = moves.pick(connection, of_batch=batch_id)
    _doubt_what_was_sending(
        connection, [one for one in left if one.state is State.SENDING], batch_id, row.owner
    )
    _suspect(connection, [one for one in left if one.state.about.waits][:SUSPECTS], batch_id, row.owner)
    batches.give_back(connection, batch_id)
    return True


def _doubt_what_was_sending(
    connection: Connection, doubtful: list[Picked], batch_id: int, owner: str
) -> None:
    words = f"the worker {owner} died before it could note the server's answer"
    values = {"attempts": deliveries.c.attempts + 1, "deaths": deliveries.c.deaths + 1}
    step = Step(moves.REAP, 0, values, Try("", "dot", None, words, batch_id=batch_id))
    moves.apply(connection, [(one, step) for one in doubtful])


def _suspect(connection: Connection, suspects: list[Picked], batch_id: int, owner: str) -> None:
    again = update(deliveries).where(deliveries.c.id.in_([one.id for one in suspects]))
    connection.execute(again.values(deaths=deliveries.c.deaths + 1))
    words = f"{MOST_DEATHS} workers died while they worked on this mail; the last was {owner}"
    step = Step(moves.GIVE_UP, tried=Try("", "data", None, words, batch_id=batch_id))
    moves.apply(connection, [(one, step) for one in suspects if one.deaths + 1 >= MOST_DEATHS])
