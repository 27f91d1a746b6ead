"""Bulk actions: a person's decision about all deliveries of a mailing, however many there are.

The first of them are moved at once. What is left is noted, and the sweeper moves some
more in every round: so nobody waits for it, and a crash forgets nothing. Each delivery
has one turn, so that one which fails again is not tried for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, delete, select, update

from mailroom.database.clock import now_millis
from mailroom.database.sql.upsert import insert_once
from mailroom.database.statement import Statement
from mailroom.ledger.deliveries import actions
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.schema import decisions
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import MailingState

BULK_MOVES = {move.name: move for move in actions.ALL}
RETRY_ALL, CONFIRM_ALL, RESEND_ALL = BULK_MOVES


class Decision(NamedTuple):
    """One that is being carried out, and how many deliveries it has moved."""

    mailing_id: int
    move: str
    after_id: int
    moved: int


BULK_ACTION_COLUMNS = tuple(decisions.c[name] for name in Decision._fields)

FIND_DECISIONS = Statement(
    select(*BULK_ACTION_COLUMNS).where(decisions.c.mailing_id == bindparam("of_mailing", type_=BigInteger))
)
FIND_OLDEST_DECISIONS = Statement(
    select(*BULK_ACTION_COLUMNS).order_by(decisions.c.made_at).limit(bindparam("at_most", type_=BigInteger))
)


def decide(connection: Connection, mailing_id: int, move: str) -> Decision | int:
    """Moves the first ones: how many, when these were all; else the decision that goes on by itself.

    Raises actions.ContentGone.
    """
    first = actions.change_some(connection, mailing_id, BULK_MOVES[move], after_id=0)
    if first.last_id is None:
        return first.moved
    decision = Decision(mailing_id, move, first.last_id, first.moved)
    if not insert_once(connection, decisions, [{**decision._asdict(), "made_at": now_millis()}]):
        _note(connection, decision)  # made once more: from the beginning
    return decision


def retry_these(connection: Connection, of_mailing: Mapping[int, Collection[int]]) -> int:
    """Tries chosen deliveries again, at once: how many. Those whose content is gone stay as they are."""
    moved = 0
    for mailing_id, delivery_ids in sorted(of_mailing.items()):  # locked in the order of ids, as elsewhere
        with suppress(actions.ContentGone):
            moved += actions.change_these(connection, mailing_id, BULK_MOVES[RETRY_ALL], delivery_ids)
    return moved


def under_way(connection: Connection, limit: int) -> list[Decision]:
    """Those that wait for their next step, oldest first."""
    return [Decision(*row) for row in FIND_OLDEST_DECISIONS.all(connection, at_most=limit)]


def of_mailing(connection: Connection, mailing_id: int) -> list[Decision]:
    return [Decision(*row) for row in FIND_DECISIONS.all(connection, of_mailing=mailing_id)]


def carry_on(connection: Connection, mailing_id: int, move: str) -> bool:
    """The next step. False: it is over. Its mailing's row is locked first, as in control.

    What would send more mail ends when its mailing is canceled, or what it said is deleted.
    """
    locked = select(mailings_table.c.state).where(mailings_table.c.id == mailing_id).with_for_update()
    state = connection.execute(locked).scalar_one_or_none()
    mine = (decisions.c.mailing_id == mailing_id, decisions.c.move == move)
    row = connection.execute(select(decisions.c.after_id, decisions.c.moved).where(*mine)).one_or_none()
    if row is None:
        return False
    moved, last_id = 0, None
    if move == CONFIRM_ALL or state is not MailingState.CANCELED:
        with suppress(actions.ContentGone):
            moved, last_id = actions.change_some(connection, mailing_id, BULK_MOVES[move], row.after_id)
    if last_id is None:
        connection.execute(delete(decisions).where(*mine))
        lifecycle.finish(connection, [mailing_id])
        return False
    _note(connection, Decision(mailing_id, move, last_id, row.moved + moved))
    return True


def _note(connection: Connection, decision: Decision) -> None:
    mine = (decisions.c.mailing_id == decision.mailing_id, decisions.c.move == decision.move)
    values = {"after_id": decision.after_id, "moved": decision.moved}
    connection.execute(update(decisions).where(*mine).values(values))
