"""Calls: one event for one endpoint, claimed, answered, tried again, replayed, forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, select, update

from mailroom.database.clock import NOW, now_millis, with_moments
from mailroom.database.engine import AnyRow
from mailroom.database.sql.newest_first import Owner, newest_first
from mailroom.ledger.schema import webhook_calls, webhook_endpoints
from mailroom.ledger.sweep.rounds import is_late
from mailroom.ledger.webhooks.webhook_events import CALL_DONE, CALL_GIVEN_UP, CALL_WAITING, TRIED_FOR_MS

CLAIM_MS = 120_000
"""How long a process that says nothing keeps a call; then somebody else makes it."""

BACKOFF_MS = tuple(seconds * 1000 for seconds in (5, 30, 120, 600, 1800, 3600, 7200, 14400))
"""Until the next try, by tries made; the last one repeated until a day is over."""

CALLS_KEPT_MS = 30 * 24 * 3600 * 1000
"""How long the log goes back."""

LOGGED_AT_ONCE = 2_000
"""Calls a transaction: others who write to SQLite must not wait long."""


@dataclass(frozen=True, slots=True)
class Call:
    """`at`: when it happened; `status`, `answer`, `took_ms`: of the endpoint's last answer."""

    id: int
    endpoint_id: int
    type: str
    mailing_id: int | None
    delivery_id: int | None
    at: datetime
    code: int | None
    reply: str | None
    state: str
    due_at: datetime | None
    attempts: int
    status: int | None
    answer: str | None
    took_ms: int | None
    ended_at: datetime | None

    @property
    def is_waiting(self) -> bool:
        """It is made by itself; any other can be replayed."""
        return self.state == CALL_WAITING

    @property
    def uid(self) -> str:
        """The webhook-id: the same on every try, and unique also after a backup came back."""
        return f"evt_{self.id}_{round(self.at.timestamp() * 1000):x}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one try. `wait_ms`: the endpoint asked for at least so long before the next."""

    call: Call
    is_good: bool
    status: int | None
    answer: str
    took_ms: int
    wait_ms: int = 0


_COLUMNS = [webhook_calls.c[name] for name in Call.__slots__]


def claim(connection: Connection, endpoint_id: int, most: int) -> list[Call]:
    """Calls that are due, for this process alone for CLAIM_MS; each counts as a try."""
    due = (
        select(webhook_calls.c.id)
        .where(webhook_calls.c.endpoint_id == endpoint_id, webhook_calls.c.due_at <= NOW)
        .order_by(webhook_calls.c.due_at, webhook_calls.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    claimed = (
        update(webhook_calls)
        .where(webhook_calls.c.id.in_(due), webhook_calls.c.due_at <= now_millis())
        .values(due_at=now_millis() + CLAIM_MS, attempts=webhook_calls.c.attempts + 1)
        .returning(*_COLUMNS)
    )
    return sorted(map(_call, connection.execute(claimed)), key=lambda call: call.id)


def release(connection: Connection, calls: Iterable[Call]) -> None:
    """Gives back calls that were claimed and not made."""
    for call in calls:
        connection.execute(
            update(webhook_calls)
            .where(*_mine(call))
            .values(due_at=now_millis(), attempts=webhook_calls.c.attempts - 1)
        )


def record(connection: Connection, result: Result) -> None:
    """Notes what came of it; what was claimed by somebody else meanwhile is theirs."""
    wait = max(result.wait_ms, BACKOFF_MS[min(result.call.attempts, len(BACKOFF_MS)) - 1])
    over = (webhook_calls.c.expires_at <= now_millis() + wait) & ~is_late()  # the clock may have been set
    changes: dict[str, Any]
    told = {"status": result.status, "answer": result.answer, "took_ms": result.took_ms}
    if result.is_good:
        changes = {"state": CALL_DONE, "due_at": None, "ended_at": now_millis()}
    else:
        changes = {
            "state": case((over, CALL_GIVEN_UP), else_=CALL_WAITING),
            "due_at": case((over, None), else_=now_millis() + wait),
            "ended_at": case((over, now_millis()), else_=None),
        }
    connection.execute(update(webhook_calls).where(*_mine(result.call)).values({**changes, **told}))


def page(
    connection: Connection, endpoint_id: int, state: str | None, before_id: int | None, limit: int
) -> list[Call]:
    """The newest, those before `before_id`."""
    statement = select(*_COLUMNS).where(webhook_calls.c.endpoint_id == endpoint_id)
    owner = Owner(webhook_calls.c.state, state) if state else None
    found = newest_first(
        connection, statement, webhook_calls.c.id, limit=limit, older_than=before_id, owner=owner
    )
    return [_call(row) for row in found]


def get(connection: Connection, call_id: int) -> Call | None:
    row = connection.execute(select(*_COLUMNS).where(webhook_calls.c.id == call_id)).one_or_none()
    return None if row is None else _call(row)


def replay(connection: Connection, call_id: int) -> bool:
    """Makes it once more, under the same id. False: it waits already, or is not there."""
    return _again(connection, webhook_calls.c.id == call_id, webhook_calls.c.state != CALL_WAITING) == 1


def replay_failed(connection: Connection, endpoint_id: int, limit: int = LOGGED_AT_ONCE) -> int:
    """Makes those once more that were given up, some at a time; how many."""
    failed = (webhook_calls.c.endpoint_id == endpoint_id, webhook_calls.c.state == CALL_GIVEN_UP)
    some = select(webhook_calls.c.id).where(*failed).limit(limit)
    return _again(connection, webhook_calls.c.id.in_(some), webhook_calls.c.state == CALL_GIVEN_UP)


def give_up(connection: Connection, endpoint_id: int, limit: int = LOGGED_AT_ONCE) -> int:
    """Ends those of a disabled endpoint that wait, some at a time; how many."""
    disabled = select(webhook_endpoints.c.id).where(
        webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.disabled_at.is_not(None)
    )
    waits = (webhook_calls.c.endpoint_id.in_(disabled), webhook_calls.c.due_at.is_not(None))
    some = select(webhook_calls.c.id).where(*waits).limit(limit)
    ended = update(webhook_calls).where(webhook_calls.c.id.in_(some), webhook_calls.c.due_at.is_not(None))
    values = {"state": CALL_GIVEN_UP, "due_at": None, "ended_at": now_millis()}
    return connection.execute(ended.values(values)).rowcount


def drop(connection: Connection, endpoint_id: int, limit: int = LOGGED_AT_ONCE) -> int:
    """Deletes some of an endpoint's; how many."""
    some = select(webhook_calls.c.id).where(webhook_calls.c.endpoint_id == endpoint_id).limit(limit)
    return connection.execute(delete(webhook_calls).where(webhook_calls.c.id.in_(some))).rowcount


def _again(connection: Connection, *which: ColumnElement[bool]) -> int:
    anew = {"state": CALL_WAITING, "due_at": now_millis(), "expires_at": now_millis() + TRIED_FOR_MS}
    chosen = update(webhook_calls).where(*which)
    return connection.execute(chosen.values(**anew, attempts=0, ended_at=None)).rowcount


def forget_old(connection: Connection, limit: int = LOGGED_AT_ONCE) -> int:
    """Drops what ended longer than CALLS_KEPT_MS ago, some at a time."""
    # The clock is asked once: by one that is asked for each row, PostgreSQL can use no index.
    before = select(now_millis() - CALLS_KEPT_MS).scalar_subquery()
    ended = select(webhook_calls.c.id).where(webhook_calls.c.ended_at < before)
    old = ended.order_by(webhook_calls.c.ended_at).limit(limit)
    return connection.execute(delete(webhook_calls).where(webhook_calls.c.id.in_(old))).rowcount


def _mine(call: Call) -> tuple[ColumnElement[bool], ...]:
    return (
        webhook_calls.c.id == call.id,
        webhook_calls.c.attempts == call.attempts,
        webhook_calls.c.state == CALL_WAITING,
    )


def _call(row: AnyRow) -> Call:
    return Call(**with_moments(row._mapping, "at", "due_at", "ended_at"))
