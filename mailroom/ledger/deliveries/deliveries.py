"""Deliveries as pages and programs see them: paged, filtered, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, null, select

from mailroom.database.clock import from_millis, with_moments
from mailroom.database.engine import AnyRow
from mailroom.database.sql.of_one import of_one
from mailroom.ledger.mailings import canary
from mailroom.ledger.schema import attempts, batches, deliveries, mailings
from mailroom.ledger.states import UNUSUAL, State


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recipient of one mailing, and how it stands."""

    id: int
    mailing_id: int
    address: str
    name: str
    role: str
    variables: Mapping[str, str | int | float | bool | None] | None
    state: State
    due_at: datetime | None
    attempts: int
    code: int | None
    reply: str | None
    marked_at: datetime | None
    updated_at: datetime
    session_id: int | None
    complained_at: datetime | None  # its recipient called it spam

    @property
    def moment(self) -> datetime | None:
        """When it is due again, was handed over, or changed last: what is told of it in a list."""
        shown = self.state.about.shows
        return (getattr(self, shown) or self.updated_at) if shown else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try that did not end in `sent`."""

    at: datetime
    server: str
    stage: str
    outcome: State
    code: int | None
    reply: str


DELIVERY_COLUMNS = tuple(deliveries.c[name] for name in Delivery.__slots__)
WITHOUT_VALUES = tuple(null() if column is deliveries.c.variables else column for column in DELIVERY_COLUMNS)

DELIVERIES_AT_ONCE = 250
"""Of each its values may have tens of kilobytes."""

OF_MAILING, AFTER_DELIVERY = (bindparam(name, type_=BigInteger) for name in ("of_mailing", "after"))


def get(connection: Connection, delivery_id: int) -> Delivery | None:
    row = connection.execute(select(*DELIVERY_COLUMNS).where(deliveries.c.id == delivery_id)).one_or_none()
    return None if row is None else as_delivery(row)


def page(
    connection: Connection,
    mailing_id: int,
    state: State | None = None,
    after_id: int | None = None,
    limit: int = 100,
    condition: ColumnElement[bool] | None = None,
    *,
    with_values: bool = True,
) -> list[Delivery]:
    """The next `limit` deliveries after `after_id`, in the order they were given; of those that fit.

    `with_values`: False for who reads no `variables`, and has them None.
    """
    statement = _of_mailing(state, after_id is not None, with_values)
    if condition is not None:
        statement = statement.where(condition)
    given = {"of_mailing": mailing_id, "at_most": limit} | ({} if after_id is None else {"after": after_id})
    return [as_delivery(row) for row in connection.execute(statement, given)]


def each(
    connection: Connection,
    mailing_id: int,
    state: State | None = None,
    condition: ColumnElement[bool] | None = None,
    chunk: int = DELIVERIES_AT_ONCE,
) -> Iterator[Delivery]:
    """All deliveries of a mailing that fit, some at a time: memory stays flat for a million."""
    after_id: int | None = None
    found: list[Delivery] | None = None
    while found is None or len(found) == chunk:
        found = page(connection, mailing_id, state, after_id, chunk, condition)
        yield from found
        after_id = found[-1].id if found else None


@cache
def _of_mailing(state: State | None, is_after: bool, with_values: bool) -> Select[Any]:
    """Made once: that takes longer than to find fifty."""
    columns = DELIVERY_COLUMNS if with_values else WITHOUT_VALUES
    statement, mailing, id = select(*columns), deliveries.c.mailing_id, deliveries.c.id
    statement, after = (
        statement.limit(bindparam("at_most", type_=BigInteger)),
        AFTER_DELIVERY if is_after else None,
    )
    if state is None:
        return of_one(statement, mailing, OF_MAILING, id, after_id=after)
    if state not in UNUSUAL:
        with_any = _if_any(state)
        return of_one(statement.where(deliveries.c.state == state), mailing, with_any, id, after_id=after)
    # Few, and found by an index of their own.
    statement = statement.where(mailing == OF_MAILING, deliveries.c.trouble == state).order_by(id)
    return statement if after is None else statement.where(id > after)


def _if_any(state: State) -> ColumnElement[Any]:
    """SQL: the mailing, if anybody of it may be in that state: a million would be passed over for none."""
    may_be: ColumnElement[bool]
    if state is State.SENDING:
        may_be = mailings.c.ended_at.is_(None)
    else:
        may_be = (mailings.c[state] > 0) | _is_in_live_batch(state)
    mine = select(mailings.c.id).where(mailings.c.id == OF_MAILING, may_be)
    return mine.correlate(None).scalar_subquery()


def _is_in_live_batch(state: State) -> ColumnElement[bool]:
    """Whether anybody is: by the batches, not by the mailing."""
    one = deliveries.alias()
    in_live = one.c.batch_id.in_(select(batches.c.id))
    return select(one.c.id).where(in_live, one.c.mailing_id + 0 == OF_MAILING, one.c.state == state).exists()


def attempts_of(connection: Connection, delivery_id: int) -> list[Attempt]:
    """Oldest first."""
    statement = select(*(attempts.c[name] for name in Attempt.__slots__))
    rows = connection.execute(statement.where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.id))
    return [Attempt(from_millis(row[0]), *row[1:]) for row in rows]


def as_delivery(row: AnyRow | Sequence[Any]) -> Delivery:
    """Of a row of DELIVERY_COLUMNS."""
    values = dict(zip(Delivery.__slots__, row, strict=True))
    if values["due_at"] == canary.HELD_BACK:
        values["due_at"] = None  # no clock says so
    return Delivery(**with_moments(values, "due_at", "marked_at", "updated_at", "complained_at"))
