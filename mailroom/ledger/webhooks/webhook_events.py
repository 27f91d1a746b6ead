"""Outbox: events for webhooks, written in the transaction that makes them true, so that none is lost.

One INSERT ... SELECT makes a call for every endpoint that wants to know. Without any
endpoint there is no statement at all: whether there is one is asked once a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Connection, and_, case, insert, literal, null, select

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.statement import Statement
from mailroom.ledger.schema import deliveries, mailings, reports, webhook_calls, webhook_endpoints
from mailroom.ledger.states import Event, MailingState, State

TEST = "webhook.test"

EVENTS = {event.value: event.sentence for event in Event}
"""What an endpoint can be told of, and what it means."""

EVENT_OF_STATE = {state.value: state.about.event.value for state in State if state.about.event}
EVENT_OF_MAILING_STATE = {state.value: state.about.event.value for state in MailingState if state.about.event}

TRIED_FOR_MS = 24 * 3600 * 1000
CALL_WAITING, CALL_DONE, CALL_GIVEN_UP = "waiting", "done", "failed"

KNOWN_FOR = 1.0
"""Seconds for which a process believes what it read of whether there is any endpoint."""

FIND_ENABLED = Statement(
    select(webhook_endpoints.c.id).where(webhook_endpoints.c.disabled_at.is_(None)).limit(1)
)

_known: WeakKeyDictionary[Any, tuple[float, bool]] = WeakKeyDictionary()


def wanted(connection: Connection) -> bool:
    """Whether anybody wants to be told; up to KNOWN_FOR seconds old."""
    pool, now = connection.engine.pool, time.monotonic()
    asked_at, answer = _known.get(pool, (-KNOWN_FOR, False))
    if now - asked_at >= KNOWN_FOR:
        answer = FIND_ENABLED.one(connection) is not None
        _known[pool] = (now, answer)
    return answer


def forget(connection: Connection) -> None:
    """An endpoint was made or changed: ask again."""
    _known.pop(connection.engine.pool, None)


def note_sent(connection: Connection, batch_id: int) -> None:
    """Tells of every mail that was sent in this batch, which ends now."""
    if wanted(connection):
        _note(connection, deliveries.c.batch_id == batch_id, deliveries.c.state == State.SENT)


def note(connection: Connection, delivery_ids: Iterable[int]) -> None:
    """Tells of the states that these deliveries came into just now."""
    chosen = list(delivery_ids)
    if chosen and wanted(connection):
        _note(connection, deliveries.c.id.in_(chosen))


def note_suppressed(connection: Connection, mailing_id: int) -> None:
    """Tells of those whom acceptance found on the list."""
    if wanted(connection):
        _note(connection, deliveries.c.mailing_id == mailing_id, deliveries.c.trouble == State.SUPPRESSED)


def _note(connection: Connection, *which: ColumnElement[bool]) -> None:
    kind = case(EVENT_OF_STATE, value=deliveries.c.state)
    happened = select(
        webhook_endpoints.c.id,
        kind,
        deliveries.c.mailing_id,
        deliveries.c.id,
        deliveries.c.updated_at,
        deliveries.c.code,
        deliveries.c.reply,
        *_when(),
    ).where(*which, deliveries.c.state.in_(list(EVENT_OF_STATE)), *_wants(kind))
    _insert(connection, happened.order_by(deliveries.c.id))


def note_reports(connection: Connection, event: Event, keys: Iterable[str]) -> None:
    """Tells of what these reports say beside any state."""
    chosen = list(keys)
    if not chosen or not wanted(connection):
        return
    kind = literal(event.value)
    columns = [reports.c[name] for name in ("mailing_id", "delivery_id", "received_at", "code", "words")]
    happened = (
        select(webhook_endpoints.c.id, kind, *columns, *_when())
        .join_from(reports, webhook_endpoints, and_(*_wants(kind)))
        .where(reports.c.key.in_(chosen), reports.c.delivery_id.is_not(None))
    )
    _insert(connection, happened.order_by(reports.c.id))


def note_mailings(connection: Connection, mailing_ids: Iterable[int]) -> None:
    """Tells that these mailings ended just now."""
    chosen = list(mailing_ids)
    if not chosen or not wanted(connection):
        return
    kind = case(EVENT_OF_MAILING_STATE, value=mailings.c.state)
    happened = select(
        webhook_endpoints.c.id, kind, mailings.c.id, null(), mailings.c.ended_at, null(), null(), *_when()
    ).where(mailings.c.id.in_(chosen), mailings.c.state.in_(list(EVENT_OF_MAILING_STATE)), *_wants(kind))
    _insert(connection, happened)


def note_test(connection: Connection, endpoint_id: int) -> int:
    """An event for this endpoint alone; the call's id."""
    values = {"endpoint_id": endpoint_id, "type": TEST, "at": now_millis(), "state": CALL_WAITING}
    values |= {"due_at": now_millis(), "expires_at": now_millis() + TRIED_FOR_MS}
    made = insert(webhook_calls).values(values).returning(webhook_calls.c.id)
    return int(connection.execute(made).scalar_one())


def _when() -> tuple[ColumnElement[Any], ...]:
    return literal(CALL_WAITING), now_millis(), now_millis() + TRIED_FOR_MS


def _wants(kind: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    told = literal("% ").concat(kind).concat(" %")
    return webhook_endpoints.c.disabled_at.is_(None), webhook_endpoints.c.events.like(told)


def _insert(connection: Connection, happened: Any) -> None:
    columns = ["endpoint_id", "type", "mailing_id", "delivery_id", "at", "code", "reply"]
    columns += ["state", "due_at", "expires_at"]
    pipeline.do(connection, insert(webhook_calls).from_select(columns, happened))
