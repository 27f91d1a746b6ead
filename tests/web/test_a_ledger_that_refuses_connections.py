"""A ledger that lets nobody in, or cannot be read, is not the request's fault: 503, and 454 by SMTP."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask

from app import create_app
from mailroom.settings import load
from mailroom.submission.reception import Reception
from mailroom.web.request import gate

AWAY = "postgresql://mailroom:not-for-anybody@127.0.0.1:1/mailroom"
"""Nobody listens there."""


@pytest.fixture(params=["away", "damaged"])
def app(request: pytest.FixtureRequest, settings_env: dict[str, str], tmp_path: Path) -> Flask:
    file = tmp_path / "damaged.db"
    file.write_bytes(b"not a database" * 1_000)
    url = AWAY if request.param == "away" else f"sqlite:///{file}"
    return create_app(load({**settings_env, "DATABASE_URL": url}))


def test_a_program_is_to_try_again(app: Flask) -> None:
    client, key = app.test_client(), {"Authorization": "Bearer mr_whatever"}
    letter = {"from": "a@example.org", "to": ["b@example.org"], "subject": "Hi", "text": "Hi"}
    for answer in (
        client.post("/api/v1/emails", json=letter, headers=key),
        client.get("/api/v1/emails", headers=key),
    ):
        assert answer.status_code == 503 and answer.headers["Retry-After"], answer.text
        assert "othing was accepted" in answer.text and "not-for-anybody" not in answer.text


def test_a_person_is_told_and_stays_signed_in(app: Flask) -> None:
    client = app.test_client()
    with client.session_transaction() as kept:
        kept[gate.TOKEN] = "whatever"
    for path in ("/", "/mailings"):
        answer = client.get(path)
        assert answer.status_code == 503 and "Set-Cookie" not in answer.headers, answer.text
        assert "what you typed" not in answer.text
    answer = client.post("/mailings", data={"subject": "Hi"}, headers={"Accept": "text/html"})
    assert (
        answer.status_code == 503 and "Go back in your browser: what you typed is still there" in answer.text
    )


def test_no_route_takes_it_for_a_fault_of_ours(app: Flask) -> None:
    client, asked = app.test_client(), 0
    with client.session_transaction() as kept:
        kept[gate.TOKEN] = "whatever"
    key = {"Authorization": "Bearer mr_whatever"}
    for rule in app.url_map.iter_rules():
        path = re.sub("<uuid:[^>]+>", str(uuid4()), re.sub("<int:[^>]+>", "1", str(rule)))
        path = re.sub("<[^>]+>", "x" * 22, path)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            headers = key if path.startswith("/api/v1") else {"Accept": "text/html"}
            assert client.open(path, method=method, headers=headers).status_code != 500, f"{method} {path}"
            asked += 1
    assert asked > 200


def test_a_mail_server_keeps_its_mail(app: Flask) -> None:
    here = app.extensions["mailroom"]
    result = asyncio.run(Reception(here.database, here.queue, here.settings).sign_in(b"mr_whatever"))
    assert (result.message or "").startswith("454 ")
