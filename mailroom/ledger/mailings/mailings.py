"""Mailings: written once at acceptance, read by pages, moved by people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)

from mailroom.database import pipeline
from mailroom.database.any_case import contains_in_any_case
from mailroom.database.any_of import any_of
from mailroom.database.clock import now_millis
from mailroom.database.engine import AnyRow
from mailroom.database.newest_first import newest_first
from mailroom.database.statement import Statement
from mailroom.database.telling import tell
from mailroom.database.together import Together
from mailroom.ledger.mailings import canary, counters, staging
from mailroom.ledger.schema import IS_HELD, IS_TRIPPED, decisions, deliveries, mailings
from mailroom.ledger.states import COUNTED, TERMINAL, Action, MailingState, State, states_with
from mailroom.ledger.webhooks import webhook_events

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


def _either(condition: Any, yes: MailingState, no: MailingState) -> Any:
    return case((condition, yes.value), else_=no.value)


# What every acceptance and every job executes is made once: to make a statement costs more
# than to execute it.
IS_MAILING = mailings.c.id == bindparam("of_mailing", type_=BigInteger)

LISTED = select(mailings).where(mailings.c.state != MailingState.STAGED)
SELECT_MAILING = LISTED.where(IS_MAILING)
ACTIVATE_MAILING = (
    update(mailings)
    .where(IS_MAILING, staging.is_held)
    .values(
        staged_until=None,
        state=_either(mailings.c.send_at > now_millis(), MailingState.SCHEDULED, MailingState.ACTIVE),
        total=bindparam("with_total"),
        queued=bindparam("with_queued"),
        suppressed=bindparam("with_suppressed"),
        accept_ms=bindparam("with_accept_ms"),
        release_at=canary.begins_after(bindparam("with_wait_ms", type_=BigInteger)),
        next_due_at=case(
            (bindparam("with_queued", type_=BigInteger) > 0, func.coalesce(mailings.c.send_at, now_millis())),
            else_=None,
        ),
    )
    .returning(mailings.c.state)
)
MAY_END = (MailingState.SCHEDULED, MailingState.ACTIVE, MailingState.PAUSED, MailingState.CANCELED)
FINISH_MAILINGS = Statement(
    update(mailings)
    .where(
        any_of(mailings.c.id, "chosen"),
        mailings.c.ended_at.is_(None),
        or_(*(mailings.c.state == state for state in MAY_END)),
        sum((mailings.c[state] for state in TERMINAL), mailings.c[State.UNKNOWN]) == mailings.c.total,
        ~select(deliveries.c.id)
        .where(deliveries.c.mailing_id == mailings.c.id, deliveries.c.due_at.is_not(None))
        .exists(),
        ~select(decisions.c.move).where(decisions.c.mailing_id == mailings.c.id).exists(),
    )
    .values(
        state=_either(mailings.c.state == MailingState.CANCELED, MailingState.CANCELED, MailingState.DONE),
        ended_at=now_millis(),
        next_due_at=None,
    )
    .returning(mailings.c.id)
)
FIND_ACCEPTED = Statement(
    select(
        mailings.c.uid, mailings.c.total, mailings.c.state, mailings.c.accept_ms, mailings.c.duplicates
    ).where(IS_MAILING)
)
"""What its acceptance was answered."""
AT = bindparam("at", type_=BigInteger)
LOOK_AT_LATEST = Statement(
    update(mailings)
    .where(IS_MAILING)
    .values(next_due_at=case((mailings.c.next_due_at <= AT, mailings.c.next_due_at), else_=AT))
)


def begin_not_before(connection: Connection, mailing_id: int, wait_ms: int) -> None:
    """Moves the start of a staged mailing on, so that it is so far from now at least."""
    earliest = now_millis() + wait_ms
    is_early = or_(mailings.c.send_at.is_(None), mailings.c.send_at < earliest)
    connection.execute(update(mailings).where(mailings.c.id == mailing_id, is_early).values(send_at=earliest))


def activate(
    connection: Connection,
    mailing_id: int,
    *,
    total: int,
    suppressed: int,
    accept_ms: int,
    wait_ms: int | None = None,
) -> MailingState | None:
    """Makes a staged mailing real: `scheduled` when its time is to come, else `active`.

    `wait_ms`: so long after its begin go those that are held back; None: when somebody lets them.
    None: it was given up, because its acceptance stood still for longer than its lease.
    """
    values = {
        "of_mailing": mailing_id,
        "with_total": total,
        "with_queued": total - suppressed,
        "with_suppressed": suppressed,
        "with_accept_ms": accept_ms,
        "with_wait_ms": wait_ms,
    }
    state: MailingState | None = connection.execute(ACTIVATE_MAILING, values).scalar_one_or_none()
    return state


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
    found = newest_first(connection, LISTED, mailings.c.id, limit=limit, older_than=before_id)
    return _with_counts(connection, found)


def search(
    connection: Connection, words: str, before_id: int | None = None, limit: int = 50
) -> list[Mailing]:
    """The newest mailings below `before_id` whose subject contains `words`, whatever the case; of the next
    SUBJECTS_SEARCHED.
    """
    is_near = mailings.c.id >= _lowest_searched(before_id)
    fitting = LISTED.where(is_near, contains_in_any_case(mailings.c.subject, words))
    found = newest_first(connection, fitting, mailings.c.id, limit=limit, older_than=before_id)
    return _with_counts(connection, found)


def not_searched(connection: Connection, before_id: int | None = None) -> NotSearched | None:
    """Where the same search stops; None: it comes to the end."""
    rest = LISTED.with_only_columns(mailings.c.id + 1, mailings.c.created_at)
    rest = rest.where(mailings.c.id < _lowest_searched(before_id)).order_by(mailings.c.id.desc()).limit(1)
    row = connection.execute(rest).one_or_none()
    return None if row is None else NotSearched(*row)


def _lowest_searched(before_id: int | None) -> Any:
    if before_id is not None:
        return max(0, before_id - SUBJECTS_SEARCHED)
    return select(func.max(mailings.c.id)).scalar_subquery() + 1 - SUBJECTS_SEARCHED


def _with_counts(connection: Connection, rows: Iterable[AnyRow]) -> list[Mailing]:
    listed = list(rows)
    live = counters.live(connection, [row.id for row in listed if row.ended_at is None])
    return [_mailing(row, live.get(row.id, {})) for row in listed]


def _mailing(row: AnyRow, live: Mapping[State, int]) -> Mailing:
    values = row._asdict()
    del values["staged_until"]
    counted = {state: values.pop(state) for state in COUNTED}
    counted[State.SENDING] = 0
    for state, number in live.items():
        counted[state] += number
    return Mailing(**values, counts=counted)


def pause(connection: Connection, mailing_id: int) -> bool:
    """No further mail of it leaves; what is at its final dot still does. False: nothing to pause."""
    return _move(connection, mailing_id, "pause", state=MailingState.PAUSED)


def hold(connection: Connection, mailing_id: int, why: str) -> bool:
    """Pauses it until a person has seen `why`: what a server says of its sender, or to everybody."""
    return _move(connection, mailing_id, "pause", state=MailingState.PAUSED, held_for=why)


def trip(connection: Connection, mailing_id: int, why: str) -> bool:
    """The same for what comes back of it, once: whoever resumes it has seen that."""
    values = {"state": MailingState.PAUSED, "held_for": why, "tripped_for": why}
    return _move(connection, mailing_id, "pause", mailings.c.tripped_for.is_(None), **values)


def is_any_held() -> ColumnElement[bool]:
    return or_(*(select(mailings.c.id).where(kind).exists() for kind in (IS_HELD, IS_TRIPPED)))


def held(connection: Connection, limit: int, *, by_itself: bool = False) -> list[tuple[int, str, str]]:
    """(id, subject, why) of the newest mailings that workers paused, or that paused themselves, and nobody
    has resumed. Single emails whose sender is refused may be many thousands.
    """
    statement = (
        select(mailings.c.id, mailings.c.subject, mailings.c.held_for)
        .where(IS_TRIPPED if by_itself else IS_HELD)
        .order_by(mailings.c.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


def count_held(connection: Connection) -> int:
    """Of both kinds."""
    held, tripped = (select(func.count(mailings.c.id)).where(kind) for kind in (IS_HELD, IS_TRIPPED))
    both = select(held.scalar_subquery() + tripped.scalar_subquery())
    return int(connection.execute(both).scalar_one())


def resume(connection: Connection, mailing_id: int) -> bool:
    """Goes on at once, or at its time if that is still to come."""
    later = mailings.c.send_at > now_millis()
    state = _either(later, MailingState.SCHEDULED, MailingState.ACTIVE)
    return _move(connection, mailing_id, "resume", state=state, expires_at=_not_expired_by_workers())


def _not_expired_by_workers() -> Any:
    """SQL: what workers paused has all of its time again."""
    given = mailings.c.expires_at - mailings.c.created_at
    is_short = mailings.c.held_for.is_not(None) & (mailings.c.expires_at < now_millis() + given)
    return case((is_short, now_millis() + given), else_=mailings.c.expires_at)


def cancel(connection: Connection, mailing_id: int) -> bool:
    """Stops it for good. The sweeper moves what was waiting; what is under way ends first."""
    # What is deferred until tonight is canceled now, not tonight.
    at_once = case((mailings.c.next_due_at.is_not(None), now_millis()))
    return _move(connection, mailing_id, "cancel", state=MailingState.CANCELED, next_due_at=at_once)


def not_active(connection: Connection, mailing_ids: Iterable[int]) -> list[int]:
    """Those of these mailings of which nothing may be sent now."""
    statement = select(mailings.c.id).where(
        mailings.c.id.in_(list(mailing_ids)), mailings.c.state != MailingState.ACTIVE
    )
    return list(connection.execute(statement).scalars())


def finish(connection: Connection, mailing_ids: Iterable[int]) -> None:
    """Ends those mailings of which nothing waits any more.

    Counters leave out what is in a live batch, so their sum reaches the total only
    when no batch holds any of it. While a decision is carried out more may come.
    """
    chosen = sorted(set(mailing_ids))
    if chosen:
        found = FINISH_MAILINGS.later(connection, chosen=chosen)
        pipeline.afterwards(connection, lambda: _tell_ended(connection, [row[0] for row in found()]))


def _tell_ended(connection: Connection, ended: list[int]) -> None:
    webhook_events.note_mailings(connection, ended)
    if ended:
        tell(connection, "mailings have ended", mailings=ended)


def look_again(connection: Connection, mailing_id: int, at: int) -> None:
    """Tells the sweeper to look at this mailing at `at` (milliseconds), if not before.

    Writes even where nothing changes: that waits for a sweeper who gathers at this very
    moment and, not seeing our delivery yet, is about to note that nothing is due.
    """
    LOOK_AT_LATEST.do(connection, of_mailing=mailing_id, at=at)


def _move(
    connection: Connection, mailing_id: int, action: Action, *where: ColumnElement[bool], **values: Any
) -> bool:
    may_move = mailings.c.state.in_(states_with(action))
    statement = update(mailings).where(mailings.c.id == mailing_id, may_move, *where)
    moved = connection.execute(statement.values(**values)).rowcount == 1
    if moved:
        tell(connection, "a mailing is changed", mailing=mailing_id, action=action)
    return moved
