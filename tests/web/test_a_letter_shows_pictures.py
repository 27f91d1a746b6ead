"""Pictures among the attachments that the letter shows by name: mailed inline, seen in the preview."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.content.writing.pictures import MOST_ADDED, with_pictures
from mailroom.ledger.schema import attachments, contents
from tests.api.conftest import Client, light_client

__all__ = ["light_client"]

LETTER = {
    "sender": "Acme <ann@example.org>",
    "recipients": "Bob <bob@example.org>",
    "subject": "Hello",
    "text_beside": "",
    "layout": "plain",
}
PNG = b"\x89PNG\r\n\x1a\nabc"
Post = Callable[..., TestResponse]


@pytest.fixture
def post(client: FlaskClient, csrf: Callable[..., str]) -> Post:
    token = csrf(client)

    def send(path: str, *names: str, **fields: Any) -> TestResponse:
        files = [(io.BytesIO(PNG), name) for name in names]
        data = {"csrf_token": token, **LETTER, **fields, "attachments": files}
        return client.post(path, data=data, content_type="multipart/form-data")

    return send


def sent(app: Flask, answer: TestResponse) -> tuple[str, list[tuple[str, str | None]]]:
    assert answer.status_code == 303, answer.text
    with app.extensions["mailroom"].database.read() as connection:
        html = connection.execute(select(contents.c.html)).scalar_one()
        files = connection.execute(
            select(attachments.c.filename, attachments.c.content_id).order_by(attachments.c.id)
        )
        return html, [tuple(row) for row in files]


def test_a_picture_is_shown_by_its_name(app: Flask, post: Post) -> None:
    markdown = "![Sea](cid:My%20sea%20%F0%9F%8C%8A.png) ![x](a.png) ![y](https://a.example/a.png)"
    answer = post(
        "/mailings", "My sea 🌊.png", "a.png", "b.png", "a.pdf", format="markdown", markdown=markdown
    )
    html, files = sent(app, answer)
    assert 'src="cid:My-sea-.png" alt="Sea"' in html and 'src="cid:a.png"' in html
    assert 'src="https://a.example/a.png"' in html
    assert files == [("My sea 🌊.png", "My-sea-.png"), ("a.png", "a.png"), ("b.png", None), ("a.pdf", None)]


def test_the_letterhead_shows_its_logo_and_mjml_its_pictures(app: Flask, post: Post) -> None:
    fields = {"format": "markdown", "markdown": "x", "layout": "letterhead", "layout_logo": "logo.png"}
    html, files = sent(app, post("/mailings", "logo.png", **fields))
    assert '<img src="cid:logo.png" alt="Acme"' in html and files == [("logo.png", "logo.png")]


def test_the_preview_and_the_check_show_it(client: FlaskClient, post: Post) -> None:
    fields = {"format": "html", "html": '<p><img src="a.png" alt="x"></p>'}
    assert "data:image/png;base64,iVBORw0KGgphYmM=" in post("/preview", "a.png", **fields).text
    check = post("/check", "a.png", **fields).location
    assert "data:image/png;base64," in client.get(f"{check}/letter/0").text


def test_a_picture_without_its_file_and_a_file_that_nothing_shows_are_found(light_client: Client) -> None:
    file = {"filename": "logo.png", "content": "aGk=", "content_type": "image/png", "content_id": "logo"}
    body = {
        "from": "ann@example.org",
        "subject": "Hi",
        "html": '<img src="cid:log" alt="x">',
        "text": "x",
        "attachments": [file],
        "recipients": [{"address": "bob@mail.example"}],
    }
    found = light_client.post("/mailings/preflight", json=body).get_json()["findings"]
    said = {one["kind"]: one["message"] for one in found}
    assert "cid:log" in said["http_link"] and "not among the attachments" in said["http_link"]
    assert "“logo.png” comes along, and nothing in the HTML shows it" in said["unused_picture"]
    body["html"] = '<img src="cid:logo" alt="x">'
    found = light_client.post("/mailings/preflight", json=body).get_json()["findings"]
    assert {"http_link", "unused_picture"}.isdisjoint(one["kind"] for one in found)


def test_what_is_pasted_is_cleaned(post: Post) -> None:
    pasted = "<p class=MsoNormal>Dear <b>all</b><o:p></o:p></p><script>x</script>"
    assert post("/cleaned", pasted=pasted, format="markdown").get_json() == {"cleaned": "Dear **all**\n"}
    answer = post("/cleaned", pasted=pasted, format="html").get_json()
    assert answer == {"cleaned": "<p>Dear <strong>all</strong></p>\n"}
    assert post("/cleaned", pasted="<p>" * 30_000, format="markdown").get_json() == {"cleaned": ""}


def test_a_short_name_makes_no_letter_of_any_length() -> None:
    picture = Attachment(f"a.{'long' * 20}", "image/png", PNG)
    html = '<img src="a">' * 100_000
    made = with_pictures(Content(Address("ann@example.org"), "Hello", html=html, attachments=(picture,)))
    assert made.html.startswith(f'<img src="cid:{picture.filename}">' * 10_000)
    assert MOST_ADDED - 100 < len(made.html) - len(html) <= MOST_ADDED
    assert made.html.endswith('<img src="a">') and made.attachments[0].content_id == picture.filename
