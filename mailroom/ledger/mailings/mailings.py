"""A mailing as it is read: one, several, a page of them, a search of their subjects, those that are held."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    func,
    select,
)

from mailroom.database.engine import AnyRow
from mailroom.database.sql.any_case import contains_in_any_case, pattern_of
from mailroom.database.statement import Statement
from mailroom.database.together import Together
from mailroom.ledger.mailings import counters
from mailroom.ledger.schema import IS_HELD, IS_TRIPPED, mailings
from mailroom.ledger.states import COUNTED, Action, MailingState, State

SUBJECTS_SEARCHED = 10_000
"""Mailings that one search looks through: a mail by the API is one, too."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """One row of `mailings`, with the number of its deliveries in each state."""

    id: int
    uid: str
    kind: str
    state: MailingState
    queue: str
    user_id: int | None
    program_id: int | None
    sender_address: str
    sender_name: str
    subject: str
    message_id: str | None
    total: int
    duplicates: int
    if_unknown: str
    route: str
    max_sessions: int | None
    created_at: datetime
    accept_ms: int
    send_at: datetime | None
    expires_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    next_due_at: datetime | None
    held_for: str | None = None
    complained: int = 0
    tripped_for: str | None = None
    purpose: str = "transactional"
    list_name: str = ""
    evidence_ms: int | None = None
    canary: int | None = None
    release_at: datetime | None = None
    hours: str | None = None
    closes_at: datetime | None = None
    id_secret: str | None = field(default=None, repr=False)
    counts: Mapping[State, int] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    @property
    def handed_over(self) -> int:
        """How many a relay took, whatever came of it: what a share of bounces is a share of."""
        return sum(self.counts.get(state, 0) for state in (State.SENT, State.BOUNCED))

    @property
    def starts_at(self) -> datetime | None:
        """When it begins or goes on by itself, if that is still to come."""
        return self.send_at if self.state is MailingState.SCHEDULED else None

    def holds_back(self, now: datetime) -> bool:
        """Whether all but the first wait until they are let go, by somebody or by the time."""
        is_to_come = self.release_at is None or self.release_at > now
        return self.canary is not None and "cancel" in self.actions and is_to_come

    @property
    def actions(self) -> tuple[Action, ...]:
        """What a person may do with it now."""
        return () if self.is_over else self.state.about.actions


class NotSearched(NamedTuple):
    """Where a search stopped: it goes on below `before_id`; the newest there was accepted at that time."""

    before_id: int
    accepted_at: datetime


# What every acceptance and every job executes is made once: to make a statement costs more
# than to execute it.
IS_MAILING = mailings.c.id == bindparam("of_mailing", type_=BigInteger)

LISTED = select(mailings).where(mailings.c.state != MailingState.STAGED)
SELECT_MAILING = LISTED.where(IS_MAILING)
BELOW_MAILING = bindparam("below", type_=BigInteger)
IS_BELOW_IT = mailings.c.id < BELOW_MAILING
COUNT_HELD = select(
    select(func.count(mailings.c.id)).where(IS_HELD).scalar_subquery()
    + select(func.count(mailings.c.id)).where(IS_TRIPPED).scalar_subquery()
)
FIND_HELD, FIND_TRIPPED = (
    select(mailings.c.id, mailings.c.subject, mailings.c.held_for)
    .where(kind)
    .order_by(mailings.c.id.desc())
    .limit(bindparam("at_most", type_=BigInteger))
    for kind in (IS_HELD, IS_TRIPPED)
)
FIND_ACCEPTED = Statement(
    select(
        mailings.c.uid, mailings.c.total, mailings.c.state, mailings.c.accept_ms, mailings.c.duplicates
    ).where(IS_MAILING)
)
"""What its acceptance was answered."""


def get(connection: Connection, mailing_id: int) -> Mailing | None:
    reads = Together(connection)
    found, live = reads.ask(_row, mailing_id), reads.ask(counters.live, [mailing_id])
    row = found()
    return None if row is None else _mailing(row, {} if row.ended_at else live().get(mailing_id, {}))


def _row(connection: Connection, mailing_id: int) -> AnyRow | None:
    return connection.execute(SELECT_MAILING, {"of_mailing": mailing_id}).one_or_none()


def by_uid(
    connection: Connection, uid: str, reach: ColumnElement[bool], *, is_counted: bool = True
) -> Mailing | None:
    """The mailing of this name, if it is among those of `reach` (api_keys.reach_of). `is_counted`: whether
    anybody wants to know how many of it are in which state.
    """
    rows = connection.execute(LISTED.where(mailings.c.uid == uid, reach))
    if is_counted:
        return next(iter(_with_counts(connection, rows)), None)
    return next((_mailing(row, {}) for row in rows), None)


def id_of(connection: Connection, uid: str, kinds: Collection[str], reach: ColumnElement[bool]) -> int | None:
    """The id of the same, if it is of one of these kinds."""
    chosen = (mailings.c.uid == uid) & mailings.c.kind.in_(kinds) & (mailings.c.state != MailingState.STAGED)
    return connection.execute(select(mailings.c.id).where(chosen, reach)).scalar_one_or_none()


def several(connection: Connection, mailing_ids: Iterable[int]) -> list[Mailing]:
    """Those of these mailings that there are, newest first."""
    chosen = LISTED.where(mailings.c.id.in_(list(mailing_ids)))
    return _with_counts(connection, connection.execute(chosen.order_by(mailings.c.id.desc())))


def page(connection: Connection, before_id: int | None = None, limit: int = 50) -> list[Mailing]:
    """The newest `limit` mailings with an id below `before_id`."""
    given = {"at_most": limit} if before_id is None else {"at_most": limit, "below": before_id}
    return _with_counts(connection, connection.execute(_page(before_id is not None), given))


@cache
def _page(is_older: bool) -> Select[Any]:
    newest = LISTED.order_by(mailings.c.id.desc()).limit(bindparam("at_most", type_=BigInteger))
    return newest.where(IS_BELOW_IT) if is_older else newest


def search(
    connection: Connection, words: str, before_id: int | None = None, limit: int = 50
) -> list[Mailing]:
    """The newest mailings below `before_id` whose subject contains `words`, whatever the case; of the next
    SUBJECTS_SEARCHED.
    """
    given = {"pattern": pattern_of(words), "at_most": limit, **_searched(before_id)}
    return _with_counts(connection, connection.execute(_fitting(before_id is not None), given))


@cache
def _fitting(is_older: bool) -> Select[Any]:
    fits = contains_in_any_case(mailings.c.subject, bindparam("pattern", type_=Text))
    return _page(is_older).where(mailings.c.id >= _lowest_searched(is_older), fits)


def not_searched(connection: Connection, before_id: int | None = None) -> NotSearched | None:
    """Where the same search stops; None: it comes to the end."""
    row = connection.execute(_rest(before_id is not None), _searched(before_id)).one_or_none()
    return None if row is None else NotSearched(*row)


@cache
def _rest(is_older: bool) -> Select[Any]:
    rest = LISTED.with_only_columns(mailings.c.id + 1, mailings.c.created_at)
    return rest.where(mailings.c.id < _lowest_searched(is_older)).order_by(mailings.c.id.desc()).limit(1)


def _lowest_searched(is_older: bool) -> ColumnElement[int]:
    newest = select(func.max(mailings.c.id) + 1).scalar_subquery()
    return (BELOW_MAILING if is_older else newest) - bindparam("searched", type_=BigInteger)


def _searched(before_id: int | None) -> dict[str, int]:
    return {"searched": SUBJECTS_SEARCHED} | ({} if before_id is None else {"below": max(0, before_id)})


def _with_counts(connection: Connection, rows: Iterable[AnyRow]) -> list[Mailing]:
    listed = list(rows)
    goes_on = [row for row in listed if row.ended_at is None]
    live = counters.live(connection, [row.id for row in goes_on], sum(row.total for row in goes_on))
    return [_mailing(row, live.get(row.id, {})) for row in listed]


def _mailing(row: AnyRow, live: Mapping[State, int]) -> Mailing:
    values = row._asdict()
    del values["staged_until"]
    counted = {state: values.pop(state) for state in COUNTED}
    counted[State.SENDING] = 0
    for state, number in live.items():
        counted[state] += number
    return Mailing(**values, counts=counted)


def is_any_held(*, by_itself: bool = False) -> ColumnElement[bool]:
    return select(mailings.c.id).where(IS_TRIPPED if by_itself else IS_HELD).exists()


def held(connection: Connection, limit: int, *, by_itself: bool = False) -> list[tuple[int, str, str]]:
    """(id, subject, why) of the newest mailings that workers paused, or that paused themselves, and nobody
    has resumed. Single emails whose sender is refused may be many thousands.
    """
    rows = connection.execute(FIND_TRIPPED if by_itself else FIND_HELD, {"at_most": limit})
    return [(row[0], row[1], row[2]) for row in rows]


def count_held(connection: Connection) -> int:
    """Of both kinds."""
    return int(connection.execute(COUNT_HELD).scalar_one())


def not_active(connection: Connection, mailing_ids: Iterable[int]) -> list[int]:
    """Those of these mailings of which nothing may be sent now."""
    statement = select(mailings.c.id).where(
        mailings.c.id.in_(list(mailing_ids)), mailings.c.state != MailingState.ACTIVE
    )
    return list(connection.execute(statement).scalars())
