"""Refused marks: why a mail may not be handed over now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from mailroom.database.clock import now_millis
from mailroom.ledger import moves
from mailroom.ledger.batches.batches import Lease, held
from mailroom.ledger.consent.scopes import stops_delivery
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import MailingState, State
from mailroom.ledger.sweep.rounds import is_late


@dataclass(frozen=True, slots=True)
class RefusedMark:
    """Why a mark was refused: suppressed, canceled, paused, expired or (lease) lost."""

    delivery_id: int
    why: str


def why_refused(connection: Connection, lease: Lease, delivery_ids: Collection[int]) -> list[RefusedMark]:
    """The reason for each delivery that `mark` left out."""
    held_still = connection.execute(select(batches.c.id).where(*held(lease))).one_or_none()
    if held_still is None:
        return [RefusedMark(delivery_id, "lost") for delivery_id in delivery_ids]
    rows = connection.execute(
        select(
            deliveries.c.id,
            deliveries.c.state,
            mailings_table.c.state,
            stops_delivery(),
            (mailings_table.c.expires_at <= now_millis()) & ~is_late(),  # the clock may have been set
        )
        .join(mailings_table, mailings_table.c.id == deliveries.c.mailing_id)
        .where(deliveries.c.id.in_(list(delivery_ids)), deliveries.c.batch_id == lease.batch_id)
    )
    found = {row[0]: _reason(*row[1:]) for row in rows}
    return [RefusedMark(delivery_id, found.get(delivery_id, "taken")) for delivery_id in delivery_ids]


def _reason(state: State, mailing_state: MailingState, listed: bool, over: bool) -> str:
    if state not in moves.MARK.before:
        return "taken"
    if listed:
        return State.SUPPRESSED
    if mailing_state is not MailingState.ACTIVE:
        return mailing_state
    return State.EXPIRED if over else "taken"
