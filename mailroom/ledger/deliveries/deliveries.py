"""Deliveries as pages and programs see them: paged, filtered, searched, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from mailroom.database.clock import from_millis, with_moments
from mailroom.database.engine import AnyRow
from mailroom.ledger.schema import TROUBLED, attempts, deliveries, mailings
from mailroom.ledger.states import UNUSUAL, MailingState, State

RECENT = 200_000
"""How many of the newest deliveries a search for a part of a name or address reads."""


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


def get(connection: Connection, delivery_id: int) -> Delivery | None:
    row = connection.execute(select(*DELIVERY_COLUMNS).where(deliveries.c.id == delivery_id)).one_or_none()
    return None if row is None else _delivery(row)


def page(
    connection: Connection,
    mailing_id: int,
    state: State | None = None,
    after_id: int | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """The next `limit` deliveries after `after_id`, in the order they were given."""
    statement = _of_mailing(mailing_id, state)
    if after_id is not None:
        statement = statement.where(deliveries.c.id > after_id)
    return [_delivery(row) for row in connection.execute(statement.limit(limit))]


def each(connection: Connection, mailing_id: int, chunk: int = 1_000) -> Iterator[Delivery]:
    """All deliveries of a mailing, some at a time: memory stays flat for a million."""
    after_id: int | None = None
    while found := page(connection, mailing_id, after_id=after_id, limit=chunk):
        yield from found
        after_id = found[-1].id


def _of_mailing(mailing_id: int, state: State | None) -> Select[Any]:
    statement = select(*DELIVERY_COLUMNS).where(deliveries.c.mailing_id == mailing_id)
    if state is not None:
        statement = statement.where(deliveries.c.state == state)
    if state in UNUSUAL:
        statement = statement.where(TROUBLED)
    return statement.order_by(deliveries.c.id)


def search(
    connection: Connection, words: str, before_id: int | None = None, limit: int = 50
) -> list[tuple[Delivery, str]]:
    """The newest deliveries to whom `words` fits, below `before_id`, each with its mailing's subject.

    The beginning of an address is found among all by its index; a part of a name or an
    address among the newest RECENT only, so that no search ever reads a million rows.
    """
    key = words.strip().lower()
    if not key:
        return []
    below = [] if before_id is None else [deliveries.c.id < before_id]
    newest = select(deliveries.c.id).order_by(deliveries.c.id.desc()).limit(1).scalar_subquery()
    in_address = deliveries.c.address_key.contains(key, autoescape=True)
    matches = in_address | deliveries.c.name.icontains(key, autoescape=True)
    # Both, however many the first finds: the next page goes on below the last of this one.
    begins = _searched(connection, [deliveries.c.address_key.between(key, key + "\U0010ffff"), *below], limit)
    parts = _searched(connection, [deliveries.c.id > newest - RECENT, matches, *below], limit)
    found = {pair[0].id: pair for pair in (*begins, *parts)}
    return [found[id] for id in sorted(found, reverse=True)[:limit]]


def _searched(connection: Connection, conditions: list[Any], limit: int) -> list[tuple[Delivery, str]]:
    statement = (
        select(*DELIVERY_COLUMNS, mailings.c.subject)
        .join(mailings, mailings.c.id == deliveries.c.mailing_id)
        .where(mailings.c.state != MailingState.STAGED, *conditions)
        .order_by(deliveries.c.id.desc())
        .limit(limit)
    )
    return [(_delivery(row[:-1]), row[-1]) for row in connection.execute(statement)]


def attempts_of(connection: Connection, delivery_id: int) -> list[Attempt]:
    """Oldest first."""
    statement = select(*(attempts.c[name] for name in Attempt.__slots__))
    rows = connection.execute(statement.where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.id))
    return [Attempt(from_millis(row[0]), *row[1:]) for row in rows]


def _delivery(row: AnyRow | Sequence[Any]) -> Delivery:
    values = dict(zip(Delivery.__slots__, row, strict=True))
    return Delivery(**with_moments(values, "due_at", "marked_at", "updated_at"))
