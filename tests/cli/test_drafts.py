"""flask drafts: listed, shown, sent once, deleted."""

from __future__ import annotations

import io
import json

import pytest
from flask import Flask

from app import create_app
from mailroom.ledger.mailings import mailings
from mailroom.settings import Settings
from tests.cli.test_templates import run
from tests.web import watching

LETTER = {
    "sender": "Ann <ann@shop.example>",
    "subject": "News",
    "text": "Hello",
    "recipients": "ann@mail.example\nbob@mail.example",
}


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


def written(app: Flask, **changes: str) -> str:
    """A draft that a person wrote on the page; its id."""
    client = watching.signed_in(app, "ann@example.org")
    token = client.get("/").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    files = {"attachments": [(io.BytesIO(b"a file"), "a.txt")]}
    answer = client.post("/drafts", data={"csrf_token": token, **LETTER, **changes, **files})
    return str(answer.location).rpartition("/")[2]


def test_it_is_listed_shown_sent_once_and_deleted(app: Flask) -> None:
    uid = written(app)
    assert uid in run(app, "drafts", "list") and "ann@example.org  News" in run(app, "drafts", "list")
    shown = json.loads(run(app, "drafts", "show", uid))
    assert shown["fields"] == LETTER and shown["files"] == [{"filename": "a.txt", "size": 6}]
    assert "mailing 1, 2 recipients." in run(app, "drafts", "send", uid)
    assert "It was sent already: mailing 1" in run(app, "drafts", "send", uid)
    with app.extensions["mailroom"].database.read() as connection:
        [mailing] = mailings.page(connection)
        [file] = watching.files_of(connection, mailing.id)
    assert (mailing.subject, mailing.user_id, file.data) == ("News", None, b"a file")
    assert run(app, "drafts", "list") == ""
    assert "“News” is deleted." in run(app, "drafts", "remove", uid)
    for command in ("show", "send", "remove"):
        assert f"There is no draft {uid}." in run(app, "drafts", command, uid, fails=True)


def test_what_cannot_be_sent_is_told(app: Flask) -> None:
    uid = written(app, recipients="", sender="")
    told = run(app, "drafts", "send", uid, fails=True)
    assert "sender: Say who the mail is from." in told and "recipients: Say who gets it" in told
    assert uid in run(app, "drafts", "list")
