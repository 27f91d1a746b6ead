"""What goes wrong after the commit is not the answer: who is told of an error tries again and mails twice."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask, request_finished
from sqlalchemy import func, select

from app import create_app
from mailroom.database.engine import Database
from mailroom.engine import enqueue
from mailroom.engine.accept.early_jobs import EarlyJobs
from mailroom.ledger.people import api_keys, users
from mailroom.ledger.schema import batches, mailings
from mailroom.queue import Queue
from mailroom.settings import Settings, load
from mailroom.web.compose.uploads import Uploads
from mailroom.web.pages import compose
from mailroom.web.request.security import Sessions
from tests.no_redis import ANSWERS, NoRedis

EMAIL = {"from": "post@mailroom.example", "to": ["ann@mail.example"], "subject": "Hello", "text": "Hello"}
MANY = {**EMAIL, "to": None, "recipients": [{"address": "ann@mail.example"}, {"address": "Ann@mail.example"}]}


class Doors:
    """The form and the API's three ways in, of one application. Each answers as if all were well."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.database: Database = app.extensions["mailroom"].database
        with self.database.begin() as connection:
            user = users.by_email(connection, "ann@example.org") or users.add(
                connection, "ann@example.org", None
            )
            link = users.make_link(connection, user.id)
            self.key, _ = api_keys.add(connection, "test", scopes=["admin"])
        self.client = app.test_client()
        self.client.get(f"/sign-in?token={link}")
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get("/").text)
        assert found
        self.token = found[1]

    def form(self) -> None:
        fields = {
            "csrf_token": self.token,
            "sender": "post@mailroom.example",
            "recipients": "ann@mail.example",
            "subject": "Hello",
            "text": "Hello",
        }
        answer = self.client.post("/mailings", data=fields)
        assert answer.status_code == 303 and re.fullmatch(r"/mailings/[0-9]+", answer.location), answer.text

    def email(self) -> None:
        assert len(self._post("/emails", EMAIL)["id"]) == 36

    def batch(self) -> None:
        assert len(self._post("/emails/batch", [EMAIL])["data"]) == 1

    def mailing(self) -> None:
        body = {name: value for name, value in MANY.items() if value is not None}
        answer = self._post("/mailings", body)
        assert answer | {"id": "", "number": 0} == {
            "object": "mailing",
            "id": "",
            "number": 0,
            "total": 1,
            "duplicates": 1,
        }

    def _post(self, path: str, body: object) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self.app.test_client().post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json

    @property
    def all(self) -> list[Callable[[], None]]:
        return [self.form, self.email, self.batch, self.mailing]

    def count(self, table: Any) -> int:
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.fixture
def doors(app: Flask) -> Doors:
    return Doors(app)


def fails(*_: object, **__: object) -> Any:
    raise ValueError("this step fails")


STEPS: dict[str, tuple[Any, str]] = {
    "the queue": (Queue, "enqueue"),
    "the queue before the commit": (Queue, "enqueue_early"),
    "what was sent before the commit": (Queue, "has_arrived"),
    "a connection for the next one": (Queue, "get_ready"),
    "a form's kept files": (Uploads, "drop"),
    "the form's words": (compose, "_say"),
    "the session": (Sessions, "save_session"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_after_the_commit_that_fails_is_not_the_answer(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    where, name = STEPS[step]
    monkeypatch.setattr(where, name, fails, raising=False)
    for door in doors.all:
        door()
    assert doors.count(mailings) == 4


def test_what_the_application_does_with_every_answer_is_not_the_answer_either(doors: Doors) -> None:
    doors.app.after_request_funcs[None].append(fails)
    with request_finished.connected_to(fails):
        for door in doors.all:
            door()
    assert doors.count(mailings) == 4


def test_a_ledger_that_goes_away_after_the_commit_is_not_the_answer(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> bool:
        monkeypatch.setattr(Database, "read", fails)
        monkeypatch.setattr(Database, "begin", fails)
        return True

    for door in doors.all:
        with monkeypatch.context() as patch:
            patch.setattr(enqueue, "onto", gone)
            patch.setattr(EarlyJobs, "onto", gone)
            door()
            monkeypatch.undo()
    assert doors.count(mailings) == 4


def test_before_the_commit_an_error_is_still_an_error(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailroom.engine.accept.acceptance.write", fails)
    headers = {"Authorization": f"Bearer {doors.key}"}
    assert doors.app.test_client().post("/api/v1/emails", json=EMAIL, headers=headers).status_code == 500
    assert doors.count(mailings) == 0


def test_a_log_that_cannot_be_written_is_not_the_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = open("/dev/full", "w", buffering=1)  # noqa: SIM115  to close it fails as well
    monkeypatch.setattr(sys, "stderr", full)
    doors = Doors(create_app(settings))
    monkeypatch.setattr(Queue, "enqueue", fails)
    for door in doors.all:
        door()
    with suppress(OSError):
        full.close()
    assert doors.count(mailings) == 4
    doors.database.dispose()


@pytest.mark.parametrize("who", ANSWERS)
def test_something_else_where_redis_should_be_is_not_the_answer(
    settings_env: dict[str, str], who: str
) -> None:
    with NoRedis(ANSWERS[who]) as url:
        app = create_app(load({**settings_env, "REDIS_URL": url}))
        doors = Doors(app)
        for door in doors.all:
            door()
        assert doors.count(mailings) == 4 and doors.count(batches), "the sweeper will enqueue them"
        app.extensions["mailroom"].database.dispose()
