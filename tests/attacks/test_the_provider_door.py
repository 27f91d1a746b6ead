"""What a stranger sends to the door of mail providers: refused alike, kept small, and nobody is kept out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from mailroom.database.engine import Database
from mailroom.feedback.providers.known import PROVIDERS
from mailroom.feedback.providers.post import LARGEST_POST
from mailroom.ledger.feedback import provider_doors
from mailroom.ledger.schema import provider_refusals, reports
from tests.feedback.providers import posts
from tests.feedback.providers.posts import Signed
from tests.web_server import WebServer

EVERY = pytest.mark.parametrize("provider", PROVIDERS)


def opened(database: Database) -> dict[str, str]:
    """The paths of every provider's door."""
    with database.begin() as connection:
        for provider in PROVIDERS:
            provider_doors.open_up(connection, provider, [posts.key_of(provider)])
        doors = provider_doors.every(connection)
    return {name: f"/feedback/{name}/{door.path}" for name, door in doors.items()}


def number(database: Database, table: object) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


@pytest.fixture
def database(app: Flask) -> Database:
    found: Database = app.extensions["mailroom"].database
    return found


@pytest.fixture
def doors(database: Database) -> dict[str, str]:
    return opened(database)


def a_post(provider: str) -> Signed:
    return posts.signed(provider, posts.event(provider, "bounced"))


BODIES = [
    b"",
    b"\0",
    b"null",
    b'"text"',
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"[" + b"[]," * 300_000 + b"[]]",
    b'{"signature":{"timestamp":"1","token":"","signature":""},"event-data":{}}',
    b"a=1&b=2",
    b"x" * (LARGEST_POST + 1),
]


@EVERY
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_whatever_is_sent_is_refused(
    app: Flask, database: Database, doors: dict[str, str], provider: str, body: bytes, kind: str
) -> None:
    answer = app.test_client().post(doors[provider], data=body, content_type=kind)
    assert answer.status_code == (413 if len(body) > LARGEST_POST else 404)
    assert number(database, reports) == 0


@pytest.mark.parametrize(
    "path", ["", "x", "../x", "%00", "a" * 5_000, "'; DROP TABLE provider_doors; --", "\ufffd" * 40, "%"]
)
def test_a_path_that_is_none_is_nowhere(app: Flask, doors: dict[str, str], path: str) -> None:
    for provider in (*PROVIDERS, "other", "%00"):
        answer = app.test_client().post(f"/feedback/{provider}/{path}", data=a_post("resend").body)
        assert answer.status_code in (400, 401, 404, 405)


def test_one_provider_s_path_is_no_other_s(app: Flask, database: Database, doors: dict[str, str]) -> None:
    path = doors["postmark"].replace("postmark", "brevo")
    signed = a_post("brevo")
    assert app.test_client().post(path, data=signed.body, headers=signed.headers).status_code == 404
    assert number(database, provider_refusals) == 0


@EVERY
def test_a_provider_s_post_is_none_of_another_provider(
    app: Flask, database: Database, doors: dict[str, str], provider: str
) -> None:
    for other in PROVIDERS:
        if {other, provider} <= {"postmark", "brevo"}:  # of one password in this test, and of none in life
            continue
        signed = a_post(other)
        if other != provider:
            answer = app.test_client().post(doors[provider], data=signed.body, headers=signed.headers)
            assert answer.status_code == 404
    assert number(database, reports) == 0


def test_nobody_reads_there(app: Flask, doors: dict[str, str]) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        assert app.test_client().open(doors["ses"], method=method).status_code in (303, 401, 405)


def test_refusals_are_noted_some_and_keep_no_right_post_out(
    app: Flask, database: Database, doors: dict[str, str]
) -> None:
    """A provider's own machines may be what somebody else sends wrong posts from."""
    client, path = app.test_client(), doors["resend"]
    answers = [client.post(path, data=b"{}").status_code for _ in range(60)]
    assert answers[:30] == [404] * 30 and answers[30:] == [429] * 30
    assert number(database, provider_refusals) == 30
    signed = a_post("resend")
    assert client.post(path, data=signed.body, headers=signed.headers).status_code == 200


def test_nothing_of_what_was_sent_stands_in_a_reason(
    app: Flask, database: Database, doors: dict[str, str]
) -> None:
    for provider in PROVIDERS:
        said = json.dumps({"TopicArn": "<script>", "Type": "<script>", "Signature": "<script>"}).encode()
        for body in (said, b'{"<script>": 1, "<script>": 2}', b"<script>"):
            app.test_client().post(doors[provider], data=body, headers={"Authorization": "<script>"})
        with database.read() as connection:
            assert all("<" not in one.words for one in provider_doors.refusals(connection, provider, 10))


def test_a_copy_of_a_post_says_nothing_new(app: Flask, database: Database, doors: dict[str, str]) -> None:
    for provider in ("mailgun", "sendgrid", "resend", "postmark", "brevo"):
        signed, client = a_post(provider), app.test_client()
        for _ in range(3):
            assert client.post(doors[provider], data=signed.body, headers=signed.headers).status_code == 200
    assert number(database, reports) == 5


@pytest.fixture(scope="module")
def web(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    home = tmp_path_factory.mktemp("door")
    (home / "mailroom.db").write_bytes(_sqlite_template.read_bytes())
    environment = {
        "SECRET_KEY": "a secret for tests only, of some length",
        "DATABASE_URL": f"sqlite:///{home}/mailroom.db",
        "REDIS_URL": "redis://127.0.0.1:1",
        "MAIL_SERVER": "127.0.0.1",
        "MAILROOM_HOME": str(home),
    }
    with WebServer(home, environment) as web:
        yield web


def test_a_large_post_is_taken_by_a_real_url_and_thrown_away_elsewhere(web: WebServer) -> None:
    """SendGrid's have up to 768 KB; strangers may send 64."""
    database = Database(web._database_url)
    paths = opened(database)
    events = [posts.event("sendgrid", "delivered", at=time.time() - n) for n in range(2_400)]
    signed = posts.sendgrid(events, time.time())
    assert 600_000 < len(signed.body) < LARGEST_POST
    assert web.ask("POST", paths["sendgrid"], signed.body, signed.headers)[0] == 200
    assert number(database, reports) == 2_400
    assert web.ask("POST", paths["sendgrid"][:-8] + "AAAAAAAA", signed.body, signed.headers)[0] in (404, 413)
    huge = b" " * (LARGEST_POST + 1)
    assert web.ask("POST", paths["sendgrid"], huge, signed.headers)[0] == 413
    database.dispose()
