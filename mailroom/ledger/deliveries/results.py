"""Results: what became of a mailing's deliveries, counted by the database, for its report.

Whatever is read here is a count by something that is bounded, or comes in pages. Times are rounded down to
three digits, so that half a million deliveries are some thousand rows: `rounded` says how.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Subquery, case, func, literal, select

from mailroom.ledger.consent.unsubscribing import UNSUBSCRIBED
from mailroom.ledger.schema import TROUBLED, attempts, deliveries, reports, suppressions
from mailroom.ledger.states import BOUNCED, DEFERRED, SENT, SETTLED_STATES, State

ROUNDED_BELOW = tuple((10**digits, 10 ** (digits - 3)) for digits in range(4, 10))
"""Of times below the first in milliseconds, the second is as exact as they are told."""

RESULTS_AT_ONCE = 2_000

COMPLAINED = "complained"


class DomainCount(NamedTuple):
    """Deliveries to one domain that are in the same state and took as long. `took_ms`: from the first try to
    the relay's 250, of sent ones whose tries are known. `tries`: of all of them together. `again`: how many
    had, or wait for, more than one. `first_at`, `last_at`: of their present state.
    """

    domain: str
    state: State
    took_ms: int | None
    number: int
    tries: int
    most_tries: int
    again: int
    first_at: int
    last_at: int


class Moment(NamedTuple):
    """So many came to a state so long after the beginning."""

    state: State
    after_ms: int
    number: int


class SaidOf(NamedTuple):
    """What a server said of a delivery that is not sent."""

    id: int
    state: State
    address: str
    code: int | None
    reply: str


def rounded(millis: ColumnElement[int]) -> ColumnElement[int]:
    """SQL: rounded down to three digits; to whole milliseconds below a second."""
    steps = [(millis < below, millis // step * step) for below, step in ROUNDED_BELOW]
    return case((millis < 1_000, millis), *steps, else_=millis // 10**7 * 10**7)


def by_domain(connection: Connection, mailing_id: int) -> Iterator[DomainCount]:
    """Domain by domain."""
    tried = _first_tries(mailing_id)
    each = (
        select(
            _domain().label("domain"),
            deliveries.c.state,
            _took(tried).label("took"),
            deliveries.c.attempts,
            deliveries.c.updated_at,
        )
        .outerjoin(tried, tried.c.delivery_id == deliveries.c.id)
        .where(deliveries.c.mailing_id == mailing_id)
        .subquery()
    )
    by = (each.c.domain, each.c.state, each.c.took)
    is_again = (each.c.attempts > 1) | (each.c.state == DEFERRED)
    counted = (
        select(
            *by,
            func.count(),
            func.sum(each.c.attempts),
            func.max(each.c.attempts),
            func.sum(case((is_again, 1), else_=0)),
            func.min(each.c.updated_at),
            func.max(each.c.updated_at),
        )
        .group_by(*by)
        .order_by(each.c.domain)
    )
    rows = connection.execute(counted.execution_options(yield_per=RESULTS_AT_ONCE))
    return (DomainCount(*row) for row in rows)


def moments(connection: Connection, mailing_id: int, began: int) -> list[Moment]:
    """When deliveries came to the states that they are in, of those that have an outcome."""
    mine = (deliveries.c.mailing_id == mailing_id, deliveries.c.state.in_(SETTLED_STATES))
    return _counted(
        connection, select(deliveries.c.state, deliveries.c.updated_at.label("at")).where(*mine), began
    )


def taken_back(connection: Connection, mailing_id: int, began: int) -> list[Moment]:
    """When the relay had taken what came back later."""
    mine = (reports.c.mailing_id == mailing_id, reports.c.kind == BOUNCED.value)
    at = reports.c.taken_at
    return _counted(connection, select(_word(SENT), at.label("at")).where(*mine, at.is_not(None)), began)


def complaints(connection: Connection, mailing_id: int, began: int) -> list[Moment]:
    """When recipients called it spam, each once. Their state is that of a mail that was taken."""
    mine = (
        reports.c.mailing_id == mailing_id,
        reports.c.kind == COMPLAINED,
        reports.c.delivery_id.is_not(None),
    )
    first = func.min(reports.c.received_at).label("at")
    return _counted(
        connection, select(_word(SENT), first).where(*mine).group_by(reports.c.delivery_id), began
    )


def _counted(connection: Connection, when: Select[*tuple[Any, ...]], began: int) -> list[Moment]:
    """`when`: the columns `state` and `at`."""
    each = when.subquery()
    told = select(each.c.state, rounded(_not_below_zero(each.c.at - began)).label("after")).subquery()
    counted = select(told.c.state, told.c.after, func.count()).group_by(told.c.state, told.c.after)
    return [Moment(*row) for row in connection.execute(counted)]


def said(connection: Connection, mailing_id: int, state: State) -> Iterator[SaidOf]:
    """Of all in that state, which is an unusual one."""
    columns = (deliveries.c[name] for name in ("id", "state", "address", "code", "reply"))
    mine = (deliveries.c.mailing_id == mailing_id, deliveries.c.trouble == state, TROUBLED)
    page = select(*columns).where(*mine).order_by(deliveries.c.id).limit(RESULTS_AT_ONCE)
    last = 0
    while rows := connection.execute(page.where(deliveries.c.id > last)).all():
        for id, its_state, address, code, reply in rows:
            yield SaidOf(id, its_state, address, code, reply or "")
        if len(rows) < RESULTS_AT_ONCE:
            return
        last = rows[-1].id


def unsubscribed(connection: Connection, mailing_id: int) -> int:
    """How many of its recipients want no more since, by its links."""
    mine = (suppressions.c.mailing_id == mailing_id, suppressions.c.reason == UNSUBSCRIBED)
    number = select(func.count(suppressions.c.address_key.distinct())).where(*mine)
    return connection.execute(number).scalar_one()


def _word(state: State) -> ColumnElement[State]:
    return literal(state, deliveries.c.state.type).label("state")


def _domain() -> ColumnElement[str]:
    """SQL: what stands behind the last @; all up to it is left when other letters are taken off the end."""
    address = deliveries.c.address_key
    before = func.rtrim(address, func.replace(address, "@", ""))
    return func.substr(address, func.length(before) + 1)


def _first_tries(mailing_id: int) -> Subquery:
    """When deliveries that were tried more than once were tried first, as far as that failed."""
    mine = (deliveries.c.mailing_id == mailing_id, deliveries.c.attempts > 1)
    first = func.min(attempts.c.at).label("first_at")
    joined: Select[Any] = select(attempts.c.delivery_id, first).join(
        deliveries, deliveries.c.id == attempts.c.delivery_id
    )
    return joined.where(*mine).group_by(attempts.c.delivery_id).subquery()


def _took(tried: Subquery) -> ColumnElement[int]:
    """SQL: from the first try to the relay's 250; NULL where nobody knows."""
    dated = func.coalesce(deliveries.c.dated_at, deliveries.c.marked_at)
    begun = case((tried.c.first_at < dated, tried.c.first_at), else_=dated)
    took = rounded(_not_below_zero(deliveries.c.updated_at - begun))
    return case((deliveries.c.state == SENT, took))


def _not_below_zero(millis: ColumnElement[Any]) -> ColumnElement[int]:
    """SQL: clocks may be set."""
    return case((millis > 0, millis), else_=0)
