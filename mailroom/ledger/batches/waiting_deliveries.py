"""Waiting deliveries: what of a batch is to be sent, as its worker reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, case, func, or_, select

from mailroom.database.sql import planner
from mailroom.database.sql.any_of import any_joined
from mailroom.database.statement import Statement
from mailroom.ledger.mailings import windows
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import WAITING, MailingState, State


class WaitingDelivery(NamedTuple):
    """A delivery of a batch that is to be sent."""

    id: int
    mailing_id: int
    address: str
    name: str
    variables: Mapping[str, str | int | float | bool | None] | None
    attempts: int
    refused_at: int | None = None  # milliseconds; set where it was refused because of us, and spared
    is_resumed: bool = False  # its mailing was paused by workers, and a person had it go on
    dated_at: int | None = None  # milliseconds: the Date that it bears, once it had one


OF_BATCH = deliveries.c.batch_id == bindparam("of_batch", type_=BigInteger)
OTHERS = deliveries.alias()
DATE_OF_SHARED = case(
    (
        mailings_table.c.kind == "shared",
        select(func.min(OTHERS.c.dated_at))
        .where(OTHERS.c.mailing_id == mailings_table.c.id)
        .correlate(mailings_table)
        .scalar_subquery(),
    )
)
"""One message to several: whoever is its first gives all of it its Date."""

IS_SPARED = (deliveries.c.state == State.QUEUED) & deliveries.c.code.is_not(None)
IS_WAITING = or_(*(deliveries.c.state == state for state in WAITING))

IS_HELD_BY_REFUSALS = func.coalesce(mailings_table.c.held_for, "") != func.coalesce(
    mailings_table.c.tripped_for, ""
)
"""Whether workers paused a mailing, some time, for what a server said: and not for what came back of it."""


def waiting(chosen: ColumnElement[bool]) -> Select[Any]:
    """What is to be sent of these deliveries, the fields of a WaitingDelivery."""
    names = ("id", "mailing_id", "address", "name", "variables", "attempts")
    refused_at = case((IS_SPARED, deliveries.c.updated_at)).label("refused_at")
    # Else PostgreSQL might look for all that their mailings have as well, which may be a million.
    of_these = planner.read_first(
        select(*(deliveries.c[name] for name in names), refused_at, deliveries.c.dated_at).where(
            chosen, IS_WAITING
        ),
        "of_these",
    )
    # Each once, by its id: their state is read there, or they would be looked for among all that are active.
    is_going_on = (mailings_table.c.state == MailingState.ACTIVE) & windows.is_open()
    their_mailings = planner.read_first(
        select(
            mailings_table.c.id,
            is_going_on.label("is_going_on"),
            IS_HELD_BY_REFUSALS.label("is_resumed"),
            DATE_OF_SHARED.label("dated_at"),
        ).where(any_joined(mailings_table.c.id, select(of_these.c.mailing_id))),
        "their_mailings",
    )
    return (
        select(
            *(of_these.c[name] for name in names),
            of_these.c.refused_at,
            their_mailings.c.is_resumed,
            func.coalesce(of_these.c.dated_at, their_mailings.c.dated_at),
        )
        .join_from(of_these, their_mailings, their_mailings.c.id == of_these.c.mailing_id)
        .where(their_mailings.c.is_going_on)
        .order_by(of_these.c.id)
    )


FIND_WAITING = Statement(waiting(OF_BATCH))


def contents_later(connection: Connection, batch_id: int) -> Callable[[], list[WaitingDelivery]]:
    """What is to be sent, to be had from what it returns.

    Nothing of a mailing that was paused or canceled after this batch was gathered, or whose sending hours are
    over.
    """
    found = FIND_WAITING.later(connection, of_batch=batch_id)
    return lambda: [WaitingDelivery(*row) for row in found()]
