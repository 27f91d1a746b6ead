"""Resend's own Python client, with nothing changed but its base URL."""

from __future__ import annotations

import email
from email import policy
from typing import cast

import pytest
import resend
from resend.exceptions import (
    InvalidApiKeyError,
    MissingApiKeyError,
    MissingRequiredFieldsError,
    ResendError,
    ValidationError,
)

from tests.api.conftest import EMAIL, Served

SendParams = resend.Emails.SendParams


@pytest.fixture
def sdk(shared: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    served = shared.with_a_key_of_its_own()
    monkeypatch.setattr(resend, "api_url", served.url)
    monkeypatch.setattr(resend, "api_key", served.key)
    return served


def params(**changes: object) -> SendParams:
    return cast(SendParams, {**EMAIL, **changes})


def send(**changes: object) -> str:
    return str(resend.Emails.send(params(**changes))["id"])


def test_it_sends_and_tells_what_became_of_it(sdk: Served) -> None:
    sent = send(
        cc=["Bo <bo@mail.example>"],
        bcc="quiet@mail.example",
        reply_to="help@acme.example",
        headers={"X-Entity-Ref-ID": "order-1"},
        attachments=[{"filename": "a.txt", "content": list(b"Hi")}],
        tags=[{"name": "category", "value": "welcome"}],
    )
    assert sent

    sdk.system.wait(lambda: resend.Emails.get(sent)["last_event"] == "sent")

    found = resend.Emails.get(sent)
    assert found["from"] == "Acme <hello@acme.example>"
    assert (found["to"], found["cc"], found["bcc"]) == (
        ["Ann Lee <ann@mail.example>"],
        ["Bo <bo@mail.example>"],
        ["quiet@mail.example"],
    )
    assert found["reply_to"] == ["help@acme.example"]
    assert found["tags"] == [{"name": "category", "value": "welcome"}]  # type: ignore[typeddict-item]
    deliveries = found["deliveries"]  # type: ignore[typeddict-item]
    assert [(d["address"], d["role"], d["state"], d["code"]) for d in deliveries] == [
        ("ann@mail.example", "to", "sent", 250),
        ("bo@mail.example", "cc", "sent", 250),
        ("quiet@mail.example", "bcc", "sent", 250),
    ]
    arrived = [message for message in sdk.system.sink.messages() if b"order-1" in message.raw]
    assert sorted(message.recipient for message in arrived) == [d["address"] for d in deliveries]
    assert {message.message_id for message in arrived} == {found["message_id"]}
    assert len({message.content for message in arrived}) == 1
    read = email.message_from_bytes(arrived[0].raw, policy=policy.default)
    assert (read["To"], read["Cc"], read["Bcc"]) == (
        "Ann Lee <ann@mail.example>",
        "Bo <bo@mail.example>",
        None,
    )
    assert b"quiet@" not in arrived[0].raw
    assert read["X-Entity-Ref-ID"] == "order-1"
    attachment = next(iter(read.iter_attachments()))
    assert (attachment.get_filename(), attachment.get_content()) == ("a.txt", "Hi")


def test_it_sends_a_batch_and_lists_it(sdk: Served) -> None:
    answer = resend.Batch.send([params(subject=f"Number {number}") for number in range(5)])
    ids = [one["id"] for one in answer["data"]]
    assert len(set(ids)) == 5

    first = resend.Emails.list({"limit": 2})
    assert first["object"] == "list" and first["has_more"]
    assert [one["id"] for one in first["data"]] == [ids[4], ids[3]]
    second = resend.Emails.list({"limit": 3, "after": ids[3]})
    assert [one["id"] for one in second["data"]] == [ids[2], ids[1], ids[0]] and not second["has_more"]
    back = resend.Emails.list({"limit": 2, "before": ids[1]})
    assert [one["id"] for one in back["data"]] == [ids[3], ids[2]] and back["has_more"]


def test_a_permissive_batch_tells_of_those_it_left_out(sdk: Served) -> None:
    good, bad = params(), params(to="nobody")
    answer = resend.Batch.send([good, bad, good], {"batch_validation": "permissive"})
    assert len(answer["data"]) == 2
    assert [error["index"] for error in answer["errors"]] == [1]
    assert "`to[0]`" in answer["errors"][0]["message"]

    with pytest.raises(ValidationError, match="Email 1"):
        resend.Batch.send([good, bad, good])
    assert len(resend.Emails.list()["data"]) == 2


def test_it_moves_an_email_to_another_time_and_cancels_it(sdk: Served) -> None:
    sent = send(scheduled_at="2035-01-31T09:30:00Z")
    assert resend.Emails.get(sent)["last_event"] == "scheduled"

    resend.Emails.update({"id": sent, "scheduled_at": "2036-01-31T09:30:00.000Z"})
    assert resend.Emails.get(sent)["scheduled_at"] == "2036-01-31T09:30:00.000+00:00"  # type: ignore[typeddict-item]

    assert resend.Emails.cancel(sent)["id"] == sent
    assert resend.Emails.get(sent)["last_event"] == "canceled"
    with pytest.raises(ResendError, match="it is canceled"):
        resend.Emails.update({"id": sent, "scheduled_at": "in 1 min"})


def test_an_email_moved_to_now_leaves_now(sdk: Served) -> None:
    sent = send(scheduled_at="in 3 days")
    resend.Emails.update({"id": sent, "scheduled_at": "2020-01-01T00:00:00Z"})
    sdk.system.wait(lambda: resend.Emails.get(sent)["last_event"] == "sent")


def test_the_same_idempotency_key_sends_once(sdk: Served) -> None:
    first = resend.Emails.send(params(), {"idempotency_key": "welcome/1"})
    again = resend.Emails.send(params(), {"idempotency_key": "welcome/1"})
    assert first["id"] == again["id"]
    assert again["http_headers"]["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first["http_headers"]

    with pytest.raises(ResendError) as refused:
        resend.Emails.send(params(subject="Other"), {"idempotency_key": "welcome/1"})
    assert (refused.value.code, refused.value.error_type) == (409, "invalid_idempotent_request")


def test_its_exceptions_are_raised(sdk: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingRequiredFieldsError, match="Missing `subject` field"):
        resend.Emails.send({"from": "a@acme.example", "to": "b@mail.example", "text": "Hi"})
    with pytest.raises(ValidationError, match="`to\\[0\\]`"):
        send(to="nobody")
    with pytest.raises(ResendError, match="not found") as missing:
        resend.Emails.get("4ef9a417-02e9-4d39-ad75-9611e0fcc33c")
    assert missing.value.code == 404

    monkeypatch.setattr(resend, "api_key", "mr_wrong")
    with pytest.raises(InvalidApiKeyError):
        send()
    monkeypatch.setattr(resend, "api_key", "")
    with pytest.raises(MissingApiKeyError):
        send()


def test_it_tells_of_the_rate(sdk: Served) -> None:
    headers = resend.Emails.send(params())["http_headers"]
    assert int(headers["ratelimit-limit"]) > int(headers["ratelimit-remaining"]) > 0


def test_it_keeps_templates_and_sends_with_them(sdk: Served) -> None:
    letter: resend.Templates.CreateParams = {
        "name": "Order confirmed",
        "alias": "order-confirmed",
        "from": "Acme <hello@acme.example>",
        "subject": "Order {{{ORDER}}}",
        "html": "<p>{{{NAME}}}: {{{PRICE}}}</p>",
        "reply_to": ["help@acme.example"],
        "variables": [
            {"key": "ORDER", "type": "string"},
            {"key": "NAME", "type": "string", "fallback_value": "Friend"},
            {"key": "PRICE", "type": "number", "fallback_value": 25},
        ],
    }
    made = resend.Templates.create(letter)
    assert made["object"] == "template"
    assert resend.Templates.publish(made["id"])["id"] == made["id"]
    found = resend.Templates.get("order-confirmed")
    assert (found["id"], found["status"], found["html"]) == (made["id"], "published", letter["html"])
    assert [one["key"] for one in found["variables"]] == ["ORDER", "NAME", "PRICE"]

    use: resend.Emails.SendParams = {
        "from": "Acme <hello@acme.example>",
        "to": "ann@mail.example",
        "template": {"id": made["id"], "variables": {"ORDER": "A-1", "PRICE": 7}},
    }
    sent = resend.Emails.send(use)["id"]
    sdk.system.wait(lambda: resend.Emails.get(sent)["last_event"] == "sent")
    arrived = next(one for one in sdk.system.sink.messages() if sent in one.message_id)
    assert b"Subject: Order A-1" in arrived.raw and b"<p>Friend: 7</p>" in arrived.raw
    with pytest.raises(ValidationError, match="ORDER"):
        resend.Emails.send({**use, "template": {"id": made["id"]}})

    assert resend.Templates.update({"id": made["id"], "name": "Changed"})["id"] == made["id"]
    copy = resend.Templates.duplicate(made["id"])["id"]
    listed = resend.Templates.list({"limit": 1})
    assert ([one["id"] for one in listed["data"]], listed["has_more"]) == ([copy], True)
    assert resend.Templates.remove(made["id"])["deleted"] is True
    with pytest.raises(ResendError, match="not found"):
        resend.Templates.get(made["id"])
