"""Attention: deliveries that a person should look at (refused, in doubt, waiting), by what they share.

However many there are, no more is read than the newest WATCHED_LOOKED_AT of a state, by an index of their
own; a figure that reaches this is told as "2,000+".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, func, select, type_coerce

from mailroom.database.clock import Millis, from_millis, now_millis
from mailroom.database.sql.planner import read_in_order_of_an_index
from mailroom.ledger import moves
from mailroom.ledger.deliveries import bulk_actions
from mailroom.ledger.deliveries.actions import MOVED_AT_ONCE
from mailroom.ledger.schema import IS_WATCHED, deliveries, mailings
from mailroom.ledger.states import WATCHED, State

WATCHED_LOOKED_AT = MOVED_AT_ONCE
"""Of the newest in one state: a page shows what one press tries again."""

KEPT_IN_VIEW_MS = 7 * 86_400_000
"""What has ended is looked at for a week; what still waits for as long as it does."""

MAILINGS_AT_ONCE = 200
"""Mailings a retry reaches, each with statements of its own: others who write must not wait long."""

ENHANCED_AT_FIRST = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?= |\Z)")
"""An enhanced status code (RFC 3463) at the beginning of a reply."""

LONGEST_ENHANCED = len("5.123.123 ")

WATCHED_AT_MOST = bindparam("at_most", type_=BigInteger)


class Bounded(NamedTuple):
    """A figure that may be more."""

    number: int
    is_more: bool

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Filter: of the watched deliveries those in one state, and of them perhaps fewer."""

    state: State
    reason: str | None = None
    domain: str | None = None
    mailing_id: int | None = None


class Watched(NamedTuple):
    """A delivery that somebody should look at: a row as it is read, for there are many."""

    id: int
    mailing_id: int
    subject: str
    address: str
    code: int | None
    reply: str
    since_millis: int

    @property
    def since(self) -> datetime:
        return from_millis(self.since_millis)

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2].lower()

    @property
    def reason(self) -> str:
        """The reply's code and enhanced code; "" when no server said anything."""
        return _reason(self.code, self.reply[:LONGEST_ENHANCED])


@dataclass(frozen=True, slots=True)
class Group:
    """Those that have something in common: its value and its words, the newest as an example."""

    value: Any
    number: int
    newest: Watched
    oldest: Watched


@dataclass(frozen=True, slots=True)
class Retried:
    """What a retry moved, and whether some that fit were left for the next one."""

    moved: int
    is_all: bool


def counts(connection: Connection) -> dict[State, Bounded]:
    """How many there are in each state."""
    read_in_order_of_an_index(connection)
    counted = connection.execute(_counted(), {"at_most": WATCHED_LOOKED_AT + 1}).one()
    return {
        state: Bounded(min(number, WATCHED_LOOKED_AT), number > WATCHED_LOOKED_AT)
        for state, number in zip(WATCHED, counted, strict=True)
    }


@cache
def _counted() -> Select[Any]:
    """Made once, as is what follows: that takes longer than to ask it."""
    of_each = (_newest(state, "id").limit(WATCHED_AT_MOST).subquery() for state in WATCHED)
    return select(*(select(func.count()).select_from(one).scalar_subquery() for one in of_each))


def watched(connection: Connection, chosen: Chosen) -> list[Watched]:
    """Those of the newest WATCHED_LOOKED_AT in that state that fit, newest first."""
    domain = None if chosen.domain is None else chosen.domain.lower()
    given = {"at_most": WATCHED_LOOKED_AT}
    if chosen.mailing_id is not None:
        given["of_mailing"] = chosen.mailing_id
    read_in_order_of_an_index(connection)
    found = connection.execute(_watched(chosen.state, chosen.mailing_id is not None), given)
    rows = map(Watched._make, found.all())
    if chosen.reason is None and domain is None:
        return list(rows)
    return [one for one in rows if chosen.reason in (None, one.reason) and domain in (None, one.domain)]


@cache
def _watched(state: State, is_of_mailing: bool) -> Select[Any]:
    names = ("id", "mailing_id", "address", "code", "reply", "troubled_at")
    newest = _newest(state, *names).limit(WATCHED_AT_MOST).subquery().c
    began = func.coalesce(mailings.c.send_at, mailings.c.created_at)
    since = newest.troubled_at if state.about.is_terminal else type_coerce(began, Millis)
    reply = func.coalesce(newest.reply, "")
    statement = (
        select(newest.id, newest.mailing_id, mailings.c.subject, newest.address, newest.code, reply, since)
        .join(mailings, mailings.c.id == newest.mailing_id)
        .order_by(newest.troubled_at.desc(), newest.id.desc())
    )
    its_mailing = bindparam("of_mailing", type_=BigInteger)
    return statement.where(newest.mailing_id == its_mailing) if is_of_mailing else statement


def groups(found: Iterable[Watched], by: str) -> list[Group]:
    """By `reason`, `domain` or `mailing_id`, the largest first."""
    together: dict[Any, list[Watched]] = defaultdict(list)
    for one in found:
        together[getattr(one, by)].append(one)
    made = [
        Group(value, len(ones), ones[0], min(ones, key=attrgetter("since_millis")))
        for value, ones in together.items()
    ]
    return sorted(made, key=lambda group: -group.number)


def may_be_retried(state: State) -> bool:
    return state in moves.RETRY.before


def retry(connection: Connection, chosen: Chosen) -> Retried:
    """Tries those again that `watched` finds, of MAILINGS_AT_ONCE mailings at most."""
    if not may_be_retried(chosen.state):
        return Retried(0, is_all=True)
    found = watched(connection, chosen)
    of_mailing: dict[int, list[int]] = defaultdict(list)
    for one in found:
        if one.mailing_id in of_mailing or len(of_mailing) < MAILINGS_AT_ONCE:
            of_mailing[one.mailing_id].append(one.id)
    moved = bulk_actions.retry_these(connection, of_mailing)
    picked = {id for ids in of_mailing.values() for id in ids}
    # Older ones come in view where these were; and some are where they were, if what they said is deleted.
    return Retried(moved, is_all=all(one.id in picked for one in watched(connection, chosen)))


@lru_cache(1_000)
def _reason(code: int | None, begin: str) -> str:
    enhanced = ENHANCED_AT_FIRST.match(begin) if code else None
    return " ".join(filter(None, (str(code or ""), enhanced and enhanced[0])))


def _newest(state: State, *names: str) -> Select[Any]:
    columns = (deliveries.c[name] for name in names)
    statement = select(*columns).where(IS_WATCHED, deliveries.c.trouble == state, *_in_view(state))
    return statement.order_by(deliveries.c.troubled_at.desc(), deliveries.c.id.desc())


def _in_view(state: State) -> list[ColumnElement[bool]]:
    return [deliveries.c.troubled_at > now_millis() - KEPT_IN_VIEW_MS] if state.about.is_terminal else []
