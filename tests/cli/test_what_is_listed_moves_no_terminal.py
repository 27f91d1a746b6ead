"""What others wrote is printed with a mark in place of what a terminal obeys, or reads backwards."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Connection

from app import create_app
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.ledger import suppressions
from mailroom.ledger.lists import kept
from mailroom.ledger.templates import stored
from mailroom.settings import Settings

HOSTILE = "pwned\x1b]0;x\x07\x9b2J\u202e"
"""As an older Mailroom kept it, which looked through fewer words."""


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


@pytest.mark.parametrize(
    ("write", "command"),
    [
        (lambda found: suppressions.add(found, ["a@b.example"], "manual", HOSTILE), "suppressions"),
        (lambda found: kept.add(found, HOSTILE, HOSTILE), "lists"),
        (lambda found: stored.add(found, HOSTILE, {}), "templates"),
    ],
    ids=["a note", "a list's name", "a template's name"],
)
def test_what_an_older_mailroom_kept(app: Flask, write: Callable[[Connection], object], command: str) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        write(connection)
    printed = app.test_cli_runner().invoke(args=[command, "list"]).output
    assert printed.count("pwned") == 1, printed
    assert not any(sign in printed for sign in "\x1b\x07\x9b\u202e"), ascii(printed)


@pytest.mark.parametrize("command", ["show", "export"])
def test_what_is_printed_as_json_is_read_as_it_was(app: Flask, command: str) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        uid = stored.add(connection, HOSTILE, TemplateLetter().as_json())
    asked = ["templates", command, *([uid] if command == "show" else [])]
    printed = app.test_cli_runner().invoke(args=asked).output
    assert json.loads(printed)["name"] == HOSTILE
    assert not any(sign in printed for sign in "\x1b\x07\x9b\u202e"), ascii(printed)
