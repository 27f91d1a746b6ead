from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from app import create_app
from mailroom.database.engine import Database
from mailroom.settings import load
from tests.api.conftest import EMAIL, Client


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"from": "nobody"}, "validation_error", "`from`: An email address must have an @-sign."),
        ({"to": ["a@b.example", "x"]}, "validation_error", "`to[1]`: "),
        ({"to": []}, "validation_error", "`to`: "),
        ({"to": [f"{n}@mail.example" for n in range(51)]}, "validation_error", "`to`: "),
        ({"to": 7}, "validation_error", "`to`: "),
        ({"from": None}, "validation_error", "`from`: "),
        ({"cc": [None]}, "validation_error", "`cc[0]`: This must be a string"),
        ({"subject": "a\nb"}, "validation_error", "`subject`: The subject cannot contain a line break"),
        ({"subject": "a\r\nBcc: x@y.example"}, "validation_error", "`subject`"),
        ({"from": "Ann\r\nBcc: x@y.example <a@b.example>"}, "validation_error", "`from`"),
        ({"text": None, "html": None}, "validation_error", "`text`: Write a text, or an HTML body"),
        ({"text": "a\0b"}, "validation_error", "`text`: This holds a NUL character"),
        ({"subject": "a\0b"}, "validation_error", "`subject`"),
        ({"headers": {"Bcc": "x@y.example"}}, "validation_error", "The header Bcc is set by Mailroom."),
        ({"headers": {"X-A": "a\r\nb"}}, "validation_error", "`headers`: The header X-A cannot contain"),
        ({"headers": {"X A": "b"}}, "validation_error", "`headers`"),
        ({"headers": ["x"]}, "validation_error", "`headers`: This must be an object."),
        ({"tags": [{"name": "ä"}]}, "validation_error", "`tags[0].name`"),
        ({"subjet": "x"}, "validation_error", "`subjet`: There is no such field"),
        ({"template": "x"}, "validation_error", "`template`: This must be an object."),
        ({"template": {"id": ""}}, "validation_error", "`template.id`: "),
        ({"template": {"id": "x", "values": {}}}, "validation_error", "`template.values`: There is no such"),
        ({"template": {"id": "x", "variables": {"A": []}}}, "validation_error", "`template.variables.A`"),
        ({"scheduled_at": "soon"}, "validation_error", "`scheduled_at`: This is no time we can read"),
        ({"scheduled_at": "9999-12-31T23:59:59Z"}, "validation_error", "before the year 9999"),
        ({"attachments": [{"filename": "a"}]}, "validation_error", "Give the file's `content`"),
        ({"attachments": [{"content": "SGk="}]}, "validation_error", "Give the file's `filename`"),
        ({"attachments": [{"filename": "a", "content": "?"}]}, "validation_error", "This is not Base64"),
        ({"attachments": [{"filename": "a", "content": [256]}]}, "validation_error", "numbers from 0 to 255"),
        (
            {"attachments": [{"filename": "a", "path": "https://x.example/a"}]},
            "validation_error",
            "`path` is off",
        ),
        (
            {"attachments": [{"filename": "a", "content": "SGk=", "content_type": "x"}]},
            "validation_error",
            "“a” has no valid content type",
        ),
    ],
)
def test_a_mistake(light_client: Client, changes: dict[str, Any], name: str, message: str) -> None:
    answer = light_client.send(**changes)
    body = answer.get_json()
    assert answer.status_code == body["statusCode"] == 422
    assert body["name"] == name
    assert message in body["message"]
    assert light_client.get("/emails").get_json()["data"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "x" * 2000},
        {"from": "Jörg <a@bücher.example>"},
        {"to": '"Lee, Ann" <ann@mail.example>'},
        {"headers": {"X-Long": "y" * 5000}, "reply_to": None, "cc": None, "bcc": [], "tags": None},
        {"attachments": [{"filename": "ü" * 200, "content": "SG\nk=", "content_id": "<logo>"}]},
        {"attachments": [{"filename": "a", "content": [72.0, 105], "inline_content_id": "b"}]},
        {"tags": [{"name": "a" * 256, "value": "b" * 256}]},
        {"scheduled_at": "2031-01-01"},
        {"scheduled_at": "in an hour"},
        {"scheduled_at": "1999-01-01T00:00:00+02:00"},
        {"text": "{{ not a tag here }} {% nor this %}"},
        {"to": [f"{n}@mail.example" for n in range(50)], "cc": "0@mail.example"},
    ],
)
def test_what_is_unusual_and_fine(client: Client, changes: dict[str, Any]) -> None:
    answer = client.send(**changes)
    assert answer.status_code == 200, answer.get_json()
    assert client.get(f"/emails/{answer.get_json()['id']}").status_code == 200


@pytest.mark.parametrize("data", ["", "{", "[1, 2", "\xff", '{"a": "\\ud800"}', "[" * 10_000])
def test_what_is_no_json(light_client: Client, data: str) -> None:
    for path in ("/emails", "/emails/batch", "/mailings"):
        answer = light_client.post(path, data=data.encode("latin-1"), headers={"Idempotency-Key": "a"})
        assert (answer.status_code, answer.get_json()["name"]) == (400, "validation_error")


@pytest.mark.parametrize("body", [[], [EMAIL] * 101, {"a": 1}, [7]])
def test_a_batch_that_is_none(light_client: Client, body: Any) -> None:
    assert light_client.post("/emails/batch", json=body).status_code == 422


def test_the_address_of_nothing(light_client: Client) -> None:
    for path in (
        "/nope",
        "/emails/4ef9a417-02e9-4d39-ad75-9611e0fcc33c",
        "//",
        "/",
    ):
        answer = light_client.get(path, follow_redirects=True)
        assert (answer.status_code, answer.get_json()["name"]) == (404, "not_found")
    answer = light_client.get("/emails/batch")
    assert (answer.status_code, answer.get_json()["name"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_a_query_that_cannot_be_used(light_client: Client) -> None:
    for query in ("limit=0", "limit=101", "limit=x", "after=x", "before=%00"):
        assert light_client.get(f"/emails?{query}").status_code == 422


def test_what_is_too_large(light_client: Client) -> None:
    light_client.app.config["MAX_CONTENT_LENGTH"] = 10_000
    answer = light_client.send(text="x" * 20_000)
    assert (answer.status_code, answer.get_json()["name"]) == (413, "payload_too_large")


@pytest.fixture
def locked(settings_env: dict[str, str], sqlite_url: str) -> Iterator[Client]:
    """A ledger that somebody else has locked, and a client that does not wait half a minute for it."""
    app = create_app(load(settings_env))
    client = Client(app)
    impatient = Database(sqlite_url, busy_timeout=200)
    object.__setattr__(app.extensions["mailroom"], "database", impatient)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield client
    other.rollback()
    other.close()
    impatient.dispose()
    client.database.dispose()


def test_a_ledger_that_cannot_accept(locked: Client) -> None:
    answer = locked.send()
    assert (answer.status_code, answer.get_json()["name"]) == (503, "application_error")
    assert int(answer.headers["Retry-After"]) > 0
    assert locked.get("/emails").get_json()["data"] == []  # reading goes on


def test_a_ledger_that_is_gone(settings_env: dict[str, str]) -> None:
    app = create_app(load({**settings_env, "DATABASE_URL": "sqlite:////nowhere/at/all.db"}))
    answer = app.test_client().post("/api/v1/emails", json=EMAIL, headers={"Authorization": "Bearer mr_x"})
    assert answer.status_code == 503
