"""Others' words on our pages (names, subjects, notes, files): each stands in a <bdi> of its own.

New words cannot hold what turns the next ones round; older ones, and mail of the catcher, may.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from mailroom.ledger import suppressions
from mailroom.ledger.schema import deliveries
from tests.web.watching import a_mailing

TURN = "\u202e"
ALONE = {"title", "textarea", "option", "pre"}
"""Elements that hold one piece of text and nothing beside it."""
VOID = {"input", "meta", "link", "img", "br", "hr", "use", "path"}


class Loose(HTMLParser):
    """Collects the texts with a turn of direction that no element of their own isolates."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[str] = []
        self.isolated = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if TURN not in data:
            return
        if self.open and (self.open[-1] in ALONE or "bdi" in self.open):
            self.isolated += 1
        else:
            self.found.append(data)


def loose(page: str) -> list[str]:
    parser = Loose()
    parser.feed(page)
    assert parser.isolated, "the page shows nothing of it"
    return parser.found


def test_this_file_finds_a_loose_one() -> None:
    parser = Loose()
    parser.feed(f"<td><a>{TURN}x</a><bdi>{TURN}y</bdi><br><b><bdi>{TURN}</bdi> z</b></td>")
    assert parser.found == [f"{TURN}x"]


@pytest.fixture
def mailing_id(app: Flask) -> int:
    database = app.extensions["mailroom"].database
    row = {"state": "failed", "name": f"Ann{TURN}", "code": 550, "reply": f"no{TURN}", "attempts": 1}
    made = a_mailing(database, row, subject=f"Hello{TURN}", sender_name=f"News{TURN}")
    with database.begin() as connection:
        connection.execute(update(deliveries).values(variables={f"town{TURN}": f"Rome{TURN}"}))
        suppressions.add(connection, ["eve@example.org"], "manual", f"said{TURN}")
    return made


@pytest.mark.parametrize(
    "path",
    [
        "/mailings",
        "/mailings/{id}",
        "/mailings/{id}/progress",
        "/mailings/{id}/cancel",
        "/mailings/{id}/deliveries/1",
        "/mailings?q=Ann",
        "/mailings?q=Hello",
        "/mailings?q=%E2%80%AE",
        "/suppressions",
        "/suppressions?q=x%E2%80%AE",
    ],
)
def test_it_is_isolated(client: FlaskClient, mailing_id: int, path: str) -> None:
    answer = client.get(path.format(id=mailing_id))
    assert answer.status_code == 200
    assert loose(answer.text) == []


def test_what_was_typed_and_cannot_be_sent(client: FlaskClient, csrf: Callable[[FlaskClient], str]) -> None:
    fields = {
        "sender": f"An{TURN}n <ann@example.org>",
        "reply_to": f"x{TURN}",
        "recipients": f"Bo{TURN} nobody",
        "subject": f"s{TURN}",
        "text": "t",
        "csrf_token": csrf(client),
        "attachments": (io.BytesIO(b"x"), f"a{TURN}gnp.exe"),
        "recipients_file": (io.BytesIO(f"email,town\nbo@example.org,Ro{TURN}me\n".encode()), f"b{TURN}.csv"),
    }
    answer = client.post("/mailings", data=fields, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert loose(answer.text) == []
    for field in ("sender", "recipients", "recipients_file", "subject", "attachments"):
        assert f'id="{field}-wrong"' in answer.text, field
    assert answer.text.count("U+202E RIGHT-TO-LEFT OVERRIDE") >= 5


def test_a_sentence_of_ours_is_not_turned_round(client: FlaskClient, csrf: Callable[..., str]) -> None:
    token = csrf(client, "/suppressions")
    fields = {"address": f"eve{TURN}@example.org", "csrf_token": token}
    answer = client.post("/suppressions/remove", data=fields, follow_redirects=True)
    assert "eve@example.org was not on the list." in answer.text
