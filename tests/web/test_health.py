from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from mailroom import supervision
from mailroom.ledger.relays import circuit, rates
from mailroom.queue import Worker
from mailroom.queue.connection import connect
from mailroom.settings import Settings
from tests.servers import Valkey
from tests.web.watching import a_mailing, ledger


def test_a_process_that_lives_says_so_whatever_else_is_broken(stranger: FlaskClient, valkey: Valkey) -> None:
    valkey.pause()
    try:
        assert stranger.get("/healthz").status_code == 200
    finally:
        valkey.go_on()


def test_it_names_what_is_not_ready(stranger: FlaskClient) -> None:
    answer = stranger.get("/readyz")
    assert answer.status_code == 503
    parts = answer.get_json()["parts"]
    assert list(parts) == ["ledger", "redis", "workers", "sweeper"]
    assert parts["ledger"]["ok"] and parts["redis"]["ok"]
    assert not parts["workers"]["ok"] and "python worker.py" in parts["workers"]["why"]


def test_it_answers_in_time_while_redis_hangs(stranger: FlaskClient, valkey: Valkey) -> None:
    valkey.pause()
    try:
        began = time.monotonic()
        answer = stranger.get("/readyz")
        assert time.monotonic() - began < 3
    finally:
        valkey.go_on()
    assert answer.status_code == 503
    assert not answer.get_json()["parts"]["redis"]["ok"]


def test_what_fails_in_a_worker_makes_it_unready(stranger: FlaskClient, valkey: Valkey) -> None:
    worker = Worker(["urgent"], connection=connect(valkey.url))

    def seen() -> dict[str, Any]:
        with worker.connection.pipeline() as pipe:
            worker.register(pipe, 30)
            pipe.execute()
        found: dict[str, Any] = (stranger.get("/readyz").json or {})["parts"]["workers"]
        return found

    assert seen() == {"ok": True, "why": "1 running"}
    supervision.note("the recorder", ValueError("ann@example.org"))
    assert seen() == {
        "ok": False,
        "why": "the recorder fails (ValueError): the workers' log says why",
    }


def test_it_shows_no_password(stranger: FlaskClient, valkey: Valkey) -> None:
    valkey.client.close()
    assert valkey.password not in stranger.get("/readyz").text.replace("answers", "")


def test_strangers_learn_nothing_of_what_was_sent(app: Flask, stranger: FlaskClient) -> None:
    a_mailing(app.extensions["mailroom"].database, {})
    assert (stranger.get("/readyz").json or {})["parts"]["ledger"] == {"ok": True, "why": "answers"}


def mail_servers(stranger: FlaskClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (stranger.get("/readyz").json or {})["mail_servers"]
    return found


@pytest.fixture
def settings_env(settings_env: dict[str, str]) -> dict[str, str]:
    return {**settings_env, "MAILROOM_SLOW_SERVER": "other:25"}


def test_it_shows_how_the_mail_servers_stand(app: Flask, settings: Settings, stranger: FlaskClient) -> None:
    ours = f"{settings.mail_server}:{settings.mail_port}"
    healthy = {"in_trouble": False, "rate": "no limit", "slowed_down": False}
    assert mail_servers(stranger) == [{"server": name, **healthy} for name in (ours, "other:25")]
    words = "535 5.7.8 ann@example.org: wrong password"
    with ledger(app).begin() as connection:
        circuit.failed(connection, ours, "auth", 535, words)
        rates.set_rate(connection, ours, 200_000)
        rates.set_rate(connection, "other:25", 200_000)
        assert rates.slow_down(connection, "other:25", 5.0)
    first, second = mail_servers(stranger)
    assert 4 <= first.pop("tried_again_in_seconds") <= 6 and first.pop("since")
    trouble = {"in_trouble": True, "stage": "auth", "code": 535, "failures": 1}
    assert first == {"server": ours, "rate": "5.0/second", "slowed_down": False, **trouble}
    assert second == {"server": "other:25", "in_trouble": False, "rate": "2.5/second", "slowed_down": True}
    assert "ann@example.org" not in stranger.get("/readyz").text, "the server's words are not for strangers"


def test_a_mail_server_in_trouble_makes_nothing_unready(app: Flask, stranger: FlaskClient) -> None:
    before = (stranger.get("/readyz").json or {})["parts"]
    with ledger(app).begin() as connection:
        circuit.failed(connection, "mail.example:25", "connect", None, "no answer")
    after = (stranger.get("/readyz").json or {})["parts"]
    assert {name: part["ok"] for name, part in after.items()} == {n: p["ok"] for n, p in before.items()}


def test_it_answers_in_time_while_the_ledger_is_locked(settings: Settings, postgres_url: str) -> None:
    app = create_app(settings.model_copy(update={"database_url": postgres_url}))
    with psycopg.connect(postgres_url) as somebody:
        somebody.execute("LOCK TABLE mailings, servers IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        answer = app.test_client().get("/readyz")
        assert time.monotonic() - began < 4
        somebody.rollback()
    assert answer.status_code == 503 and answer.json is not None
    assert answer.json["mail_servers"] is None and not answer.json["parts"]["ledger"]["ok"]
