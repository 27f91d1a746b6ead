"""What Prometheus gets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from mailroom.ledger.people import api_keys
from mailroom.settings import Settings
from mailroom.web import mailroom
from tests.system import System

DOCUMENTED = set(
    re.findall(r"`(mailroom_\w+)`", (Path(__file__).parents[2] / "docs" / "operations.md").read_text())
)


@pytest.fixture
def application(settings: Settings) -> Flask:
    return create_app(settings)


def key(application: Flask, scope: str) -> dict[str, str]:
    with application.app_context(), mailroom().database.begin() as connection:
        secret, _ = api_keys.add(connection, "prometheus", scopes=(scope,))
    return {"Authorization": f"Bearer {secret}"}


def test_strangers_get_401(application: Flask) -> None:
    assert application.test_client().get("/metrics").status_code == 401


def test_a_key_that_may_only_send_gets_nothing(application: Flask) -> None:
    assert application.test_client().get("/metrics", headers=key(application, "send")).status_code == 401


def test_a_key_that_may_read_gets_numbers_and_they_are_documented(application: Flask, tmp_path: Path) -> None:
    settings = mailroom_settings(application)
    with System(tmp_path, settings.database_url, settings.redis_url) as system:
        system.accept(["ann@mail.example", "bo@mail.example"])
    answer = application.test_client().get("/metrics", headers=key(application, "read"))
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert 'mailroom_mailings{state="active"} 1.0' in text
    assert "mailroom_deliveries_in_batches 2.0" in text
    assert 'mailroom_queue_batches{queue="urgent"} 1.0' in text
    assert set(re.findall(r"^# HELP (\w+)", text, re.MULTILINE)) <= DOCUMENTED


def test_a_queue_that_is_away_is_a_number_too(settings: Settings) -> None:
    application = create_app(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"}))
    answer = application.test_client().get("/metrics", headers=key(application, "read"))
    assert "mailroom_queue_up 0.0" in answer.get_data(as_text=True)


def mailroom_settings(application: Flask) -> Settings:
    with application.app_context():
        return mailroom().settings
