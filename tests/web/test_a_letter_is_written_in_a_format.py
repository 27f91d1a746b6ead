"""The compose page and the templates' take Markdown, HTML, MJML or text; nothing typed is lost on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from mailroom.ledger.schema import contents, templates

MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Dear {{ name }}</mj-text></mj-column></mj-section>"
    "</mj-body></mjml>"
)
LETTER = {
    "sender": "Acme <ann@example.org>",
    "recipients": "Bob <bob@example.org>",
    "subject": "Hello",
    "text_beside": "",
}
Post = Callable[..., TestResponse]


@pytest.fixture
def post(client: FlaskClient, csrf: Callable[..., str]) -> Post:
    token = csrf(client)
    return lambda path, **fields: client.post(path, data={"csrf_token": token, **LETTER, **fields})


def said(app: Flask) -> tuple[str, str]:
    with app.extensions["mailroom"].database.read() as connection:
        newest = select(contents.c.text, contents.c.html).order_by(contents.c.mailing_id.desc())
        return tuple(connection.execute(newest).first() or ())


def sent(app: Flask, post: Post, **fields: Any) -> tuple[str, str]:
    answer = post("/mailings", **fields)
    assert answer.status_code == 303, answer.text
    return said(app)


def area(page: str, name: str) -> str:
    found = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\n(.*?)</textarea>', page, re.S)
    assert found, name
    return unescape(found[1])


def test_each_format_is_mailed(app: Flask, post: Post) -> None:
    text, html = sent(
        app, post, format="markdown", markdown="Dear **{{ name }}**\r\n", layout_colour="#123456"
    )
    assert text == "Dear *{{ name }}*\n\n-- \nAcme\n" and ">Dear <strong>{{ name }}</strong></p>" in html
    assert "#123456" in html
    assert sent(app, post, format="markdown", markdown="*x*", layout="plain") == (
        "x\n",
        "<p><em>x</em></p>\n",
    )
    text, html = sent(app, post, format="html", html="<style>p{color:red}</style><p>Dear {{ name }}")
    assert text == "Dear {{ name }}\n" and '<p style="color: red;">Dear {{ name }}</p>' in html
    text, html = sent(app, post, format="mjml", mjml=MJML)
    assert "Dear {{ name }}" in text and "max-width:600px" in html
    assert sent(app, post, format="text", text="Only", html="<p>kept", markdown="*kept*") == ("Only", "")
    assert sent(app, post, format="markdown", markdown="*x*", text_beside="By hand")[0] == "By hand"


def test_programs_that_know_no_format_send_as_before(app: Flask, post: Post) -> None:
    html = "<style>p{color:red}</style><p>x"
    assert sent(app, post, text="t", html=html) == ("t", html)
    assert sent(app, post, markdown="*x*", layout="plain") == ("x\n", "<p><em>x</em></p>\n")


def test_what_was_typed_in_every_format_comes_back(post: Post) -> None:
    typed = {"text": "a", "markdown": "*b*\n", "html": "<p>c", "mjml": "<mjml>", "text_beside": "d"}
    page = post("/mailings", **typed, format="mjml", layout_footer="*e*", layout_logo="logo.png").text
    assert {name: area(page, name) for name in typed} == typed
    assert area(page, "layout_footer") == "*e*" and 'value="logo.png"' in page
    assert 'value="mjml" checked' in page
    assert "Line 1: &lt;mjml&gt; is not closed" in page and 'href="#mjml"' in page


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"format": "markdown", "markdown": ""}, "markdown", "Write a text"),
        (
            {"format": "markdown", "markdown": "{{ nope }}"},
            "markdown",
            "No recipient has a value for {{ nope }}",
        ),
        ({"format": "html", "html": "{% if %}"}, "html", "cannot be read"),
        ({"format": "markdown", "markdown": "x", "layout_colour": "red"}, "layout", "Write the colour"),
        ({"format": "word", "text": "x"}, "format", "Choose one of these"),
        (
            {"format": "markdown", "markdown": "x", "purpose": "bulk", "ask_for_link": "1"},
            "markdown",
            "unsubscribe",
        ),
    ],
)
def test_what_is_wrong_stands_at_the_box_it_was_typed_in(
    post: Post, fields: dict[str, str], field: str, told: str
) -> None:
    answer = post("/mailings", **fields)
    assert answer.status_code == 422
    assert re.search(rf'<a href="#{field}">[^<]*{re.escape(told)}', unescape(answer.text)), answer.text


def test_the_preview_is_the_letter_or_what_is_wrong_with_it(post: Post) -> None:
    shown = post("/preview", format="markdown", markdown="# Hi {{ name }}\n\n![x](https://a.example/x.png)")
    assert "Hi {{ name }}</h1>" in shown.text and "sandbox" in shown.headers["Content-Security-Policy"]
    assert "img-src data:" in shown.headers["Content-Security-Policy"], "it asks nobody for pictures"
    assert post("/preview", format="text", text="<b>").mimetype == "text/plain"
    assert (
        "Line 1: there is no &lt;mj-x&gt;"
        in post("/preview", format="mjml", mjml="<mjml><mj-x/></mjml>").text
    )
    assert "nothing to be seen" in post("/preview", format="html").text


def test_a_check_shows_what_is_made_of_it(client: FlaskClient, post: Post) -> None:
    answer = post("/check", format="markdown", markdown="Hello **{{ name }}**, [x](http://a.example)")
    assert answer.status_code == 303
    letter = client.get(f"{answer.location}/letter/0")
    assert "Hello <strong>Bob</strong>" in letter.text
    page = client.get(f"{answer.location}/edit").text
    assert area(page, "markdown") == "Hello **{{ name }}**, [x](http://a.example)"


def test_a_template_keeps_its_source(app: Flask, client: FlaskClient, post: Post) -> None:
    fields = {"name": "News", "format": "markdown", "markdown": "# Hi {{ NAME }}", "layout_footer": "*end*"}
    answer = post("/templates", **fields, publish="1", variables="NAME = friend")
    assert answer.status_code == 303
    page = client.get(answer.location).text
    assert area(page, "markdown") == "# Hi {{ NAME }}" and area(page, "layout_footer") == "*end*"
    assert area(page, "text_beside") == "" and 'value="markdown" checked' in page
    assert "Hi friend</h1>" in client.get(f"{answer.location}/preview").text
    with app.extensions["mailroom"].database.read() as connection:
        uid, letter = connection.execute(select(templates.c.uid, templates.c.letter)).one()
    assert letter["written"]["source"] == "# Hi {{ NAME }}"
    text, html = sent(app, post, template=uid, format="text", text="")
    assert "Hi {{ NAME }}" in text and ">Hi {{ NAME }}</h1>" in html
    bad = post(f"/templates/{uid}", name="News", format="mjml", mjml="<mjml>\n<mj-bdy>")
    assert bad.status_code == 422 and "Line 2: there is no &lt;mj-bdy&gt;" in bad.text
    assert area(bad.text, "mjml") == "<mjml>\n<mj-bdy>"


def test_a_letter_in_markdown_fills_a_template_s_slots(app: Flask, client: FlaskClient, post: Post) -> None:
    page = client.get("/templates/new?start=letterhead").text
    head = {name: area(page, name) for name in ("html", "text_beside", "variables")}
    answer = post("/templates", name="Head", format="html", publish="1", **head)
    uid = answer.location.rpartition("/")[2]
    text, html = sent(app, post, template=uid, format="markdown", markdown="## Dear *{{ name }}*")
    assert '<h2 style="' in html and "{{ COLOUR }}" in html and "Dear <em>{{ name }}</em></h2>" in html
    assert text.startswith("Dear {{ name }}\n") and "{{ COMPANY }}" in text
