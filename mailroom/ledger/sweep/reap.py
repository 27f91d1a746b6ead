"""Reaping: batches that a worker that died or stopped for too long left behind, and how they come back."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, case, delete, select, update

from mailroom.database.clock import now_millis
from mailroom.database.statement import Statement
from mailroom.ledger import moves, picking
from mailroom.ledger.batches import batches
from mailroom.ledger.moves import Step, Try
from mailroom.ledger.picking import Picked
from mailroom.ledger.schema import batches as batches_table
from mailroom.ledger.schema import deliveries
from mailroom.ledger.states import State
from mailroom.ledger.sweep import rounds

MOST_DEATHS = 3
"""A delivery that three workers died of is not tried a fourth time. The first may have had others in hand."""

SUSPECTS = 10
"""A worker has few mails in hand at once: only the first unsent ones can have killed it."""


FIND_EXPIRED = Statement(
    select(batches_table.c.id)
    .where(batches_table.c.lease_until < now_millis())
    .order_by(batches_table.c.id)
    .limit(bindparam("at_most", type_=BigInteger))
)


def expired(connection: Connection, most: int = 20) -> list[int]:
    """Ids of batches whose lease ran out."""
    return [id for (id,) in FIND_EXPIRED.all(connection, at_most=most)]


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
    row = connection.execute(gone.returning(batches_table.c.owner, batches_table.c.in_hand)).one_or_none()
    if row is None:
        return False
    # This also waits for the last writes: a mark that was set while the lease still ran may be
    # committed only now (PostgreSQL).
    held = picking.pick(connection, of_batch=batch_id)
    sending = [one for one in held if one.state is State.SENDING]
    waiting = [one for one in held if one.state.about.waits]
    died_of = _deaths(row.in_hand, is_alone=len(sending + waiting) == 1, had_begun=len(held) > len(waiting))
    _doubt_what_was_sending(connection, sending, batch_id, row.owner, died_of)
    if row.in_hand is not False:
        _suspect(connection, waiting[:SUSPECTS], batch_id, row.owner, died_of)
    batches.give_back(connection, batch_id)
    return True


class _Deaths(NamedTuple):
    """What the columns of a suspect say after this death."""

    all: ColumnElement[int]
    alone: ColumnElement[int]


def _deaths(in_hand: bool | None, *, is_alone: bool, had_begun: bool) -> _Deaths:
    """`in_hand` None: nobody noted whether anything was. That makes a suspect, who is noted from then on.

    `had_begun`: its worker had some of its batch in hand, as far as the ledger knows.
    """
    before, alone = deliveries.c.deaths, deliveries.c.deaths_alone
    if in_hand is False:
        return _Deaths(before, alone)
    if in_hand and is_alone:
        return _Deaths(before + 1, alone + 1)
    is_suspect = case((alone == 0, 1), else_=alone) if is_alone or had_begun else alone
    return _Deaths(before + 1, is_suspect)


def _doubt_what_was_sending(
    connection: Connection, doubtful: list[Picked], batch_id: int, owner: str, died_of: _Deaths
) -> None:
    words = f"the worker {owner} died before it could note the server's answer"
    values = {"attempts": deliveries.c.attempts + 1, "deaths": died_of.all, "deaths_alone": died_of.alone}
    step = Step(moves.REAP, 0, values, Try("", "dot", None, words, batch_id=batch_id))
    moves.apply(connection, [(one, step) for one in doubtful])


def _suspect(
    connection: Connection, suspects: list[Picked], batch_id: int, owner: str, died_of: _Deaths
) -> None:
    again = update(deliveries).where(deliveries.c.id.in_([one.id for one in suspects]))
    counted = again.values(deaths=died_of.all, deaths_alone=died_of.alone)
    found = connection.execute(counted.returning(deliveries.c.id, deliveries.c.deaths_alone))
    guilty = {row.id for row in found if row.deaths_alone >= MOST_DEATHS}
    words = f"{MOST_DEATHS} workers died while they worked on this mail; the last was {owner}"
    step = Step(moves.GIVE_UP, tried=Try("", "data", None, words, batch_id=batch_id))
    moves.apply(connection, [(one, step) for one in suspects if one.id in guilty])
