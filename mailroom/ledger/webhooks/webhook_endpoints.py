"""Endpoints: who is told of what, how they are doing, and when one is given up."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, insert, select, update

from mailroom.database.clock import NOW, now_millis, with_moments
from mailroom.database.connection import pipeline
from mailroom.database.engine import AnyRow
from mailroom.database.statement import Statement
from mailroom.ledger.schema import webhook_calls, webhook_endpoints
from mailroom.ledger.webhooks import webhook_events

PAUSES_MS = tuple(seconds * 1000 for seconds in (5, 15, 60, 300, 600))
"""How long an endpoint that fails is left alone, by failures in a row; the last one repeated."""

GIVEN_UP_AFTER_MS = 3 * 24 * 3600 * 1000
"""Failing for so long, an endpoint is disabled..."""

GIVEN_UP_AFTER = 10
"""...and at least so many times in a row."""

HEALTHY = {"failures": 0, "failing_since": None, "paused_until": 0}

BY_HAND = "Disabled by hand."
"""Why an endpoint is disabled that somebody wanted so."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    id: int
    url: str
    secret: str
    events: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str
    failures: int
    failing_since: datetime | None

    @property
    def state(self) -> str:
        """enabled, failing or disabled"""
        if self.disabled_at is not None:
            return "disabled"
        return "failing" if self.failures else "enabled"


FIND_ENDPOINTS = select(*(webhook_endpoints.c[name] for name in Endpoint.__slots__))


def add(connection: Connection, url: str, events: Iterable[str]) -> int:
    values = {
        "url": url,
        "secret": "whsec_" + b64encode(secrets.token_bytes(32)).decode("ascii"),
        "events": _joined(events),
        "created_at": now_millis(),
    }
    made = insert(webhook_endpoints).values(values).returning(webhook_endpoints.c.id)
    webhook_events.forget(connection)
    return int(connection.execute(made).scalar_one())


def everyone(connection: Connection) -> list[Endpoint]:
    return _found(connection, FIND_ENDPOINTS)


DISABLED_BY_ITSELF = webhook_endpoints.c.disabled_at.is_not(None) & (
    webhook_endpoints.c.disabled_why != BY_HAND
)


def is_any_given_up() -> ColumnElement[bool]:
    return select(webhook_endpoints.c.id).where(DISABLED_BY_ITSELF).exists()


def given_up(connection: Connection) -> list[Endpoint]:
    """Those that nobody disabled by hand, and that are told nothing all the same."""
    return _found(connection, FIND_ENDPOINTS.where(DISABLED_BY_ITSELF))


def get(connection: Connection, endpoint_id: int, *, to_change: bool = False) -> Endpoint | None:
    """`to_change`: nobody else changes it before this transaction is over."""
    query = FIND_ENDPOINTS.where(webhook_endpoints.c.id == endpoint_id)
    return next(iter(_found(connection, query.with_for_update() if to_change else query)), None)


def change(connection: Connection, endpoint_id: int, url: str, events: Iterable[str]) -> None:
    _set(connection, endpoint_id, url=url, events=_joined(events))


def enable(connection: Connection, endpoint_id: int) -> None:
    """Begins anew; what happened meanwhile is not told."""
    _set(connection, endpoint_id, disabled_at=None, disabled_why="", **HEALTHY)


def disable(connection: Connection, endpoint_id: int, why: str) -> None:
    """Nothing is told any more. What waits is for webhook_calls.give_up."""
    _set(connection, endpoint_id, disabled_at=now_millis(), disabled_why=why)


def remove(connection: Connection, endpoint_id: int) -> None:
    """With what is left of its log; most of it is for webhook_calls.drop."""
    pipeline.do(connection, delete(webhook_calls).where(webhook_calls.c.endpoint_id == endpoint_id))
    pipeline.do(connection, delete(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id))
    webhook_events.forget(connection)


HAS_CALL_DUE = (
    select(webhook_calls.c.id)
    .where(
        webhook_calls.c.endpoint_id == webhook_endpoints.c.id,
        webhook_calls.c.due_at.is_not(None),  # else PostgreSQL takes a third of all for due, and reads all
        webhook_calls.c.due_at <= NOW,
    )
    .exists()
)
IS_TO_BE_CALLED = and_(
    webhook_endpoints.c.disabled_at.is_(None), webhook_endpoints.c.paused_until <= now_millis(), HAS_CALL_DUE
)
FIND_TO_BE_CALLED = Statement(select(webhook_endpoints.c.id).where(IS_TO_BE_CALLED).limit(1))


def to_be_called(connection: Connection, but: Sequence[int] = ()) -> list[Endpoint]:
    """Endpoints with something due, those that are paused left out."""
    if FIND_TO_BE_CALLED.one(connection) is None:
        return []
    return _found(connection, FIND_ENDPOINTS.where(IS_TO_BE_CALLED, webhook_endpoints.c.id.not_in(list(but))))


def worked(connection: Connection, endpoint_id: int) -> None:
    connection.execute(
        update(webhook_endpoints)
        .where(webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.failures > 0)
        .values(HEALTHY)
    )


def failed(connection: Connection, endpoint_id: int, pause_ms: int = 0) -> bool:
    """Leaves it alone for a while, at least `pause_ms`. True: it has failed for too long."""
    table = webhook_endpoints
    pause = case(dict(enumerate(PAUSES_MS)), value=table.c.failures, else_=PAUSES_MS[-1])
    longer = case((pause < pause_ms, pause_ms), else_=pause)
    row = connection.execute(
        update(table)
        .where(table.c.id == endpoint_id, table.c.disabled_at.is_(None))
        .values(
            failures=table.c.failures + 1,
            failing_since=func.coalesce(table.c.failing_since, now_millis()),
            paused_until=now_millis() + longer,
        )
        .returning(table.c.failures, now_millis() - table.c.failing_since)
    ).one_or_none()
    return row is not None and row[0] >= GIVEN_UP_AFTER and row[1] >= GIVEN_UP_AFTER_MS


def _set(connection: Connection, endpoint_id: int, **values: Any) -> None:
    changed = update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)
    pipeline.do(connection, changed.values(values))
    webhook_events.forget(connection)


def _joined(events: Iterable[str]) -> str:
    return f" {' '.join(events)} "


def _found(connection: Connection, query: Select[Any]) -> list[Endpoint]:
    return [_endpoint(row) for row in connection.execute(query.order_by(webhook_endpoints.c.id))]


def _endpoint(row: AnyRow) -> Endpoint:
    return Endpoint(**with_moments({**row._mapping, "events": tuple(row.events.split())}, "failing_since"))
