"""`--sender "$SENDER"` with SENDER unset: a command says so, and does not do more than was meant."""

from __future__ import annotations

import pytest
from flask import Flask

from app import create_app
from mailroom.ledger import suppressions
from mailroom.ledger.people import api_keys
from mailroom.settings import Settings
from tests.web.watching import ledger


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


@pytest.mark.parametrize("nothing", ["", " "])
@pytest.mark.parametrize("option", ["--sender", "--expires-in", "--rate", "--shares-with"])
def test_no_key_may_more(app: Flask, option: str, nothing: str) -> None:
    done = app.test_cli_runner().invoke(args=["keys", "add", "The shop", option, nothing])
    assert done.exit_code == 2 and f"'{option}': nothing stands there" in done.output
    with ledger(app).read() as connection:
        assert api_keys.everyone(connection) == []


@pytest.mark.parametrize("command", ["add", "remove"])
@pytest.mark.parametrize("option", ["--sender", "--list"])
def test_no_other_mail_is_stopped_or_let_go(app: Flask, command: str, option: str) -> None:
    with ledger(app).begin() as connection:
        suppressions.add(connection, ["ann@mail.example"])
    name = {"add": "bob@mail.example", "remove": "ann@mail.example"}[command]
    done = app.test_cli_runner().invoke(args=["suppressions", command, name, option, ""])
    assert done.exit_code == 2 and "nothing stands there" in done.output
    with ledger(app).read() as connection:
        assert [one.address_key for one in suppressions.page(connection)] == ["ann@mail.example"]
