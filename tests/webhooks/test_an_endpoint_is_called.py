from __future__ import annotations

import threading
from typing import Any

import pytest
from resend import Webhooks as Resend
from sqlalchemy import select, update
from standardwebhooks import Webhook, WebhookVerificationError

from mailroom.database.engine import Database
from mailroom.http.guard import Guard
from mailroom.ledger.people import users
from mailroom.ledger.schema import mailings
from mailroom.ledger.schema import webhook_calls as calls_table
from mailroom.ledger.schema import webhook_endpoints as endpoints_table
from mailroom.ledger.webhooks import webhook_calls, webhook_endpoints
from mailroom.settings import Settings
from tests.servers import wait_until
from tests.webhooks.conftest import Caller
from tests.webhooks.receiver import Receiver


def calls(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(calls_table).order_by(calls_table.c.id)).all())


def due_now(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(update(calls_table).where(calls_table.c.due_at.is_not(None)).values(due_at=1))
        connection.execute(update(endpoints_table).values(paused_until=0))


def test_it_is_signed_as_standard_webhooks_and_resend_want_it(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver
) -> None:
    endpoint_id = add(receiver.url)
    accepted = failed()
    webhooks.settle()
    (got,) = receiver.wait_for(1)
    with database.read() as connection:
        endpoint = webhook_endpoints.get(connection, endpoint_id)
    assert endpoint is not None and endpoint.state == "enabled"
    assert Webhook(endpoint.secret).verify(got.body, got.headers) == got.event
    headers = {name: got.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
    options = {"payload": got.body.decode(), "headers": headers, "webhook_secret": endpoint.secret}
    verified: Any = Resend.verify(options)  # type: ignore[arg-type]
    assert verified == got.event
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret).verify(got.body.replace(b"550", b"551"), got.headers)

    assert got.headers["content-type"] == "application/json"
    data = got.event["data"]
    assert got.event["type"] == "email.failed"
    assert got.event["created_at"].endswith("Z")
    assert data["email_id"] == accepted.uid
    assert (data["from"], data["to"]) == ("Post <post@mailroom.example>", ["p0@mail.example"])
    assert data["subject"] == "Hello P0" and data["tags"] == {"order": "7"}
    assert data["failed"] == {"reason": "no such user", "code": 550}
    (call,) = calls(database)
    assert (call.state, call.status, call.answer, call.attempts) == ("done", 200, "ok", 1)


def test_it_is_tried_again_under_the_same_id(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver
) -> None:
    add(receiver.url)
    receiver.answer = lambda number, _: (500, {}, b"broken") if number < 3 else (204, {}, b"")
    failed()
    for _ in range(3):
        webhooks.settle()
        due_now(database)
    assert len(receiver.got) == 3
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1
    assert calls(database)[0].state == "done"


def test_between_tries_it_waits_longer_and_longer_and_gives_up_after_a_day(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver
) -> None:
    add(receiver.url)
    receiver.answer = lambda *_: (400, {}, b"not this one")
    failed()
    waits = []
    for _ in range(3):
        webhooks.settle()
        (call,) = calls(database)
        waits.append(call.due_at - call.at)
        due_now(database)
    assert waits == sorted(waits) and waits[2] > waits[0] + 60_000
    with database.begin() as connection:
        connection.execute(update(calls_table).values(expires_at=1))
    webhooks.settle()
    (call,) = calls(database)
    assert (call.state, call.status, call.due_at) == ("failed", 400, None)


def test_an_endpoint_that_is_down_is_left_alone_and_loses_nothing(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver
) -> None:
    add(receiver.url)
    receiver.answer = lambda *_: (503, {"Retry-After": "60"}, b"")
    failed(30)
    webhooks.settle()
    webhooks.settle()
    assert len(receiver.got) == 1, "the other 29 are not thrown at it meanwhile"
    with database.read() as connection:
        (endpoint,) = webhook_endpoints.everyone(connection)
        row = connection.execute(
            select(endpoints_table.c.paused_until - endpoints_table.c.failing_since)
        ).scalar_one()
    assert endpoint.state == "failing" and row >= 59_000
    receiver.answer = lambda *_: (200, {}, b"")
    due_now(database)
    webhooks.settle()
    wait_until(lambda: all(call.state == "done" for call in calls(database)))
    told = [got.event["data"]["to"][0] for got in receiver.got]
    assert sorted(set(told)) == sorted(f"p{number}@mail.example" for number in range(30))
    assert len(told) == 31
    with database.read() as connection:
        assert webhook_endpoints.everyone(connection)[0].state == "enabled"


def test_one_slow_endpoint_holds_up_no_other(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver
) -> None:
    slow = Receiver()
    slow.delay = 3
    add(slow.url)
    add(receiver.url)
    failed(5)
    webhooks.round()
    receiver.wait_for(5, 3)
    slow.stop()


def test_calls_that_wait_for_an_answer_hold_no_threads(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver
) -> None:
    receiver.delay = 2
    for number in range(12):
        add(f"{receiver.url}&of={number}")
    failed()
    webhooks.round()
    receiver.wait_for(12, 10)
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "aside"], 1)
    assert webhooks.webhooks.is_calling


def test_two_processes_tell_each_event_once(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver, settings: Settings
) -> None:
    other = Caller(database, webhooks.queue, webhooks.settings)
    add(receiver.url)
    failed(100)
    threads = [threading.Thread(target=each.settle) for each in (webhooks, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    webhooks.settle()
    other.stop()
    ids = [got.headers["webhook-id"] for got in receiver.got]
    assert len(ids) == len(set(ids)) == 100


def test_a_process_that_died_in_mid_call_leaves_it_to_another(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver
) -> None:
    endpoint_id = add(receiver.url)
    failed()
    with database.begin() as connection:
        assert len(webhook_calls.claim(connection, endpoint_id, 10)) == 1
    webhooks.settle()
    assert receiver.got == []
    due_now(database)  # the claim has run out
    webhooks.settle()
    assert len(receiver.got) == 1


def test_410_disables_it_and_after_three_days_so_does_failing(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver, monkeypatch: Any
) -> None:
    monkeypatch.setattr(webhook_endpoints, "GIVEN_UP_AFTER", 1)
    monkeypatch.setattr(
        webhooks.webhooks,
        "_settings",
        webhooks.settings.model_copy(update={"mail_default_sender": "Mailroom <m@mail.example>"}),
    )
    with database.begin() as connection:
        users.add(connection, "owner@mail.example", None)
    endpoint_id = add(receiver.url)
    failed(3)
    receiver.answer = lambda *_: (410, {}, b"")
    webhooks.settle()
    with database.begin() as connection:
        (endpoint,) = webhook_endpoints.everyone(connection)
        assert (endpoint.state, endpoint.disabled_why) == ("disabled", "It answered 410 Gone.")
        assert {call.state for call in calls(database)} == {"failed"}
        newest = connection.execute(select(mailings.c.subject).order_by(mailings.c.id.desc())).first()
        assert newest is not None and newest.subject == "A webhook endpoint was disabled"
        webhook_endpoints.enable(connection, endpoint_id)
        assert webhook_calls.replay_failed(connection, endpoint_id) == 3
        connection.execute(update(endpoints_table).values(failures=12, failing_since=1))
    receiver.answer = lambda *_: (500, {}, b"down")
    webhooks.settle()
    with database.read() as connection:
        (endpoint,) = webhook_endpoints.everyone(connection)
    assert endpoint.disabled_why == "It failed for three days; the last time: down"


def test_an_address_that_became_private_is_not_called(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver, monkeypatch: Any
) -> None:
    add(receiver.url.replace("http://127.0.0.1", "https://localhost"))
    monkeypatch.setattr(webhooks.webhooks, "_guard", Guard())
    failed()
    webhooks.settle()
    assert receiver.got == [] and receiver.connections == 0
    assert "MAILROOM_WEBHOOK_HOSTS" in calls(database)[0].answer


def test_what_is_not_in_the_ledger_any_more_is_not_told(
    database: Database, add: Any, failed: Any, webhooks: Caller, receiver: Receiver
) -> None:
    add(receiver.url)
    failed()
    with database.begin() as connection:
        connection.execute(update(calls_table).values(delivery_id=999_999))
    webhooks.settle()
    assert receiver.got == [] and calls(database)[0].state == "done"
