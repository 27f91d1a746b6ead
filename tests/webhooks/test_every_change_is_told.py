"""Events are written with the change itself; SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Accepted, Submission
from mailroom.engine.webhooks.payload import body_of
from mailroom.feedback.report import ReportKind
from mailroom.ledger import moves, states, suppressions
from mailroom.ledger.batches import batches
from mailroom.ledger.deliveries import actions, marks, tries
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.schema import batches as batches_table
from mailroom.ledger.schema import deliveries, webhook_calls
from mailroom.ledger.states import Event
from mailroom.ledger.sweep import reap
from mailroom.ledger.webhooks import webhook_calls as calls
from mailroom.ledger.webhooks import webhook_endpoints
from mailroom.ledger.webhooks import webhook_events as events
from mailroom.queue import Queue
from tests.feedback.comes import GONE, Comes
from tests.servers import Valkey

URL = "https://example.org/hooks"


@pytest.fixture
def mail(database: Database, valkey: Valkey) -> Callable[..., Accepted]:
    def mail(count: int = 2) -> Accepted:
        content = Content(Address("post@mailroom.example"), "Hello", text="Hello")
        people = [Recipient(f"p{number}@mail.example") for number in range(count)]
        return accept(database, Queue(valkey.url), Submission(content, people))

    return mail


def told(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(webhook_calls.c.type).order_by(webhook_calls.c.id)).scalars())


def ids(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.execute(select(deliveries.c.id).order_by(deliveries.c.id)).scalars())


def claimed(connection: Connection) -> batches.Lease:
    batch_id = connection.execute(select(batches_table.c.id)).scalar_one()
    lease = batches.claim(connection, batch_id, 0, "worker")
    assert lease is not None
    return lease


def outcome(delivery_id: int, state: states.State, due_in_ms: int | None = None) -> Outcome:
    return Outcome(delivery_id, state, 250, "so it is", "server", "dot", due_in_ms)


def mark(connection: Connection, lease: batches.Lease, delivery_id: int) -> None:
    (session,) = marks.open_sessions(connection, "worker", [1], "server")()
    of = {"of_batch": lease.batch_id, "of_epoch": lease.epoch, "of_owner": "worker"}
    given = {
        "handover_delivery_id": delivery_id,
        "handover_session_id": session,
        "handover_dated_at": None,
    }
    assert marks.MARK_ONE.run(connection, **of, **given) == 1


def send(connection: Connection, lease: batches.Lease, delivery_id: int) -> None:
    mark(connection, lease, delivery_id)
    given = {"sent_delivery_id": delivery_id, "sent_code": 250, "sent_reply": "2.0.0 OK"}
    assert marks.NOTE_ONE_SENT.run(connection, of_batch=lease.batch_id, **given) == 1


def test_sent_and_the_end_of_a_mailing(database: Database, add: Any, mail: Any) -> None:
    add(URL)
    mail(2)
    with database.begin() as connection:
        lease = claimed(connection)
        for delivery_id in ids(database):
            send(connection, lease, delivery_id)
        assert batches.close(connection, lease)
    assert told(database) == ["email.sent", "email.sent", "mailing.done"]


@pytest.mark.parametrize(
    ("state", "type_"),
    [
        (states.DEFERRED, "email.delivery_delayed"),
        (states.FAILED, "email.failed"),
        (states.SUPPRESSED, "email.suppressed"),
        (states.UNKNOWN, "email.unknown"),
    ],
)
def test_troubles(database: Database, add: Any, mail: Any, state: states.State, type_: str) -> None:
    add(URL)
    mail(1)
    with database.begin() as connection:
        lease = claimed(connection)
        if state == states.UNKNOWN:
            mark(connection, lease, ids(database)[0])
        due_in = 60_000 if state == states.DEFERRED else None
        tries.record_troubles(connection, lease, [outcome(ids(database)[0], state, due_in)])
        batches.close(connection, lease)
    assert told(database) == ([type_] if due_in else [type_, "mailing.done"])
    with database.read() as connection:
        row = connection.execute(select(webhook_calls).limit(1)).one()
    assert (row.code, row.reply) == (250, "so it is")


def test_a_mailing_whose_time_is_over(database: Database, add: Any, mail: Any) -> None:
    add(URL)
    accepted = mail(2)
    with database.begin() as connection:
        batches.close(connection, claimed(connection))
        actions.end_due(connection, accepted.mailing_id, states.EXPIRED)
    assert told(database) == ["email.failed", "email.failed", "mailing.done"]


def test_what_a_dead_worker_had_sent_and_had_not(database: Database, add: Any, mail: Any) -> None:
    add(URL)
    mail(3)
    with database.begin() as connection:
        lease = claimed(connection)
        first, second, _ = ids(database)
        send(connection, lease, first)
        mark(connection, lease, second)
        connection.execute(batches_table.update().values(lease_until=1))
    with database.begin() as connection:
        assert reap.reap(connection, lease.batch_id)
    assert sorted(told(database)) == ["email.sent", "email.unknown"]


def test_canceled_by_a_person(database: Database, add: Any, mail: Any) -> None:
    add(URL)
    accepted = mail(2)
    with database.begin() as connection:
        actions.change(connection, ids(database)[0], moves.CANCEL)
    assert told(database) == ["email.canceled"]
    with database.begin() as connection:
        batches.close(connection, claimed(connection))
        lifecycle.cancel(connection, accepted.mailing_id)
        actions.end_due(connection, accepted.mailing_id, states.CANCELED)
    assert told(database) == ["email.canceled"] * 2 + ["mailing.canceled"]


def test_suppressed_at_acceptance(database: Database, add: Any, mail: Any) -> None:
    add(URL)
    with database.begin() as connection:
        suppressions.add(connection, ["p0@mail.example"], "manual")
    mail(2)
    assert told(database) == ["email.suppressed"]


def test_an_endpoint_hears_what_it_chose(database: Database, add: Any, mail: Any) -> None:
    add(URL, Event.FAILED, Event.SENT)
    add(URL, Event.MAILING_DONE)
    mail(1)
    with database.begin() as connection:
        lease = claimed(connection)
        send(connection, lease, ids(database)[0])
        batches.close(connection, lease)
    assert told(database) == ["email.sent", "mailing.done"]


def test_what_is_rolled_back_is_not_told(database: Database, add: Any, mail: Any) -> None:
    add(URL)
    mail(1)
    with pytest.raises(RuntimeError), database.begin() as connection:
        lease = claimed(connection)
        tries.record_troubles(connection, lease, [outcome(ids(database)[0], states.FAILED)])
        raise RuntimeError
    assert told(database) == []


def test_without_an_endpoint_it_costs_no_statement(database: Database, mail: Any) -> None:
    mail(2)
    with database.begin() as connection:
        events.wanted(connection)  # once a second
        seen: list[str] = []
        event.listen(database.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
        lease = claimed(connection)
        for delivery_id in ids(database):
            send(connection, lease, delivery_id)
        batches.close(connection, lease)
    assert not [statement for statement in seen if "webhook" in statement]
    assert told(database) == []


def test_of_what_comes_back_with_the_words_of_who_said_it(database: Database) -> None:
    """Each kind once of a mail; of a bounce that comes before its batch ends, after that it was sent."""
    with database.begin() as connection:
        events_wanted = [Event.SENT, Event.BOUNCED, Event.COMPLAINED, Event.DELIVERED]
        webhook_endpoints.add(connection, URL, events_wanted)
    comes = Comes(database)
    comes.book.accept(2)
    lease = comes.book.claim()
    first, second = comes.book.inside(lease)
    comes.book.send(lease, [first, second])
    comes.take(*(comes.report(first, **GONE) for _ in range(2)))
    comes.book.close(lease)
    for kind in (ReportKind.DELIVERED, ReportKind.COMPLAINED, ReportKind.DELAYED):
        comes.take(*(comes.report(second, kind, words="so it is") for _ in range(2)))
    with database.read() as connection:
        columns = (webhook_calls.c.type, webhook_calls.c.delivery_id, webhook_calls.c.reply)
        rows = connection.execute(select(*columns).order_by(webhook_calls.c.id)).all()
    assert [tuple(row) for row in rows] == [
        ("email.sent", first, "2.0.0 Ok"),
        ("email.bounced", first, "5.1.1 User unknown"),
        ("email.sent", second, "2.0.0 Ok"),
        ("email.delivered", second, "so it is"),
        ("email.complained", second, "so it is"),
    ]


@pytest.mark.parametrize(("is_transient", "kind"), [(False, "Permanent"), (True, "Transient")])
def test_why_it_came_back_is_told_in_resend_s_words(
    database: Database, is_transient: bool, kind: str
) -> None:
    with database.begin() as connection:
        endpoint_id = webhook_endpoints.add(connection, URL, [Event.BOUNCED])
    comes = Comes(database)
    (id,) = comes.sent()
    comes.take(comes.report(id, is_transient=is_transient, **GONE), comes.report(id, **GONE))
    with database.read() as connection:
        (call,) = calls.page(connection, endpoint_id, state=None, before_id=None, limit=9)
        body = body_of(connection, call)
    assert body is not None and json.loads(body)["data"]["bounce"] == {
        "message": "5.1.1 User unknown",
        "type": kind,
        "subType": "General",
        "code": 550,
    }
