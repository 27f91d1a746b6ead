from __future__ import annotations

import time

from flask import Flask
from flask.testing import FlaskClient

from tests.servers import Valkey
from tests.web.watching import a_mailing


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


def test_it_shows_no_password(stranger: FlaskClient, valkey: Valkey) -> None:
    valkey.client.close()
    assert valkey.password not in stranger.get("/readyz").text.replace("answers", "")


def test_strangers_learn_nothing_of_what_was_sent(app: Flask, stranger: FlaskClient) -> None:
    a_mailing(app.extensions["mailroom"].database, {})
    assert (stranger.get("/readyz").json or {})["parts"]["ledger"] == {"ok": True, "why": "answers"}
