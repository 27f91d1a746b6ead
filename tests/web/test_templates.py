"""Templates on the pages: written, published, looked at, gone back to, and used in a mailing."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from mailroom.content.templates.letterhead import LETTERHEAD
from mailroom.ledger.schema import contents, deliveries, mailings
from mailroom.ledger.templates import stored
from mailroom.web.letter_frame import NO_WAY_OUT
from tests.api.conftest import new_key

Csrf = Callable[..., str]
Post = Callable[..., TestResponse]

ORDER = {
    "name": "Order confirmed",
    "alias": "order-confirmed",
    "sender": "Acme <hello@acme.example>",
    "subject": "Order {{ ORDER }}",
    "text": "Dear {{ NAME }}, thank you.",
    "html": "<p>Dear {{{ NAME }}}, thank you.</p>",
    "variables": "ORDER\nNAME = friend\nPRICE: number = 2.5\n",
}


@pytest.fixture
def post(client: FlaskClient, csrf: Csrf) -> Post:
    token = csrf(client)

    def post(path: str, **fields: Any) -> TestResponse:
        return client.post(path, data={"csrf_token": token, **fields}, content_type="multipart/form-data")

    return post


def made(post: Post, **changes: str) -> str:
    answer = post("/templates", **{**ORDER, "publish": "1", **changes})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def uid_of(path: str) -> str:
    return path.rpartition("/")[2]


def drafts(app: Flask) -> list[tuple[str, int | None, str]]:
    with app.extensions["mailroom"].database.read() as connection:
        found = (stored.find(connection, one.uid) for one in stored.page(connection, limit=9))
        return [(one.name, one.published, one.letter["subject"]) for one in found if one]


def test_one_is_written_published_and_changed(app: Flask, client: FlaskClient, post: Post) -> None:
    draft = post("/templates", **ORDER).headers["Location"]
    page = client.get(draft).text
    assert "nothing can be sent with it until" in page and "Use in a mailing" not in page
    assert "ORDER\nNAME = friend\nPRICE: number = 2.5" in page
    post(draft, **{**ORDER, "publish": "1"})
    post(draft, **{**ORDER, "subject": "Changed {{ ORDER }}", "name": "Other"})
    assert drafts(app) == [("Other", 1, "Changed {{ ORDER }}")]
    page = client.get(draft).text
    assert "has changed since version 1" in page and "ann@example.org" in page
    assert "Other" in client.get("/templates").text
    post(f"{draft}/versions/1/restore")
    assert drafts(app) == [("Other", 1, "Order {{ ORDER }}")]
    copy = post(f"{draft}/duplicate").headers["Location"]
    assert drafts(app)[0] == ("Copy of Other", None, "Order {{ ORDER }}") and copy != draft
    assert post(f"{draft}/remove").headers["Location"] == "/templates"
    assert client.get(draft).status_code == 404 and client.get(copy).status_code == 200


def seen_in(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found is not None
    return unescape(found[1])


def test_nobody_undoes_what_they_have_not_seen(app: Flask, client: FlaskClient, post: Post) -> None:
    path = made(post)
    opened = seen_in(client.get(path).text)
    theirs = {**ORDER, "subject": "Theirs", "seen": opened}
    assert post(path, **theirs).status_code == 303
    mine = {**ORDER, "subject": "Mine", "seen": opened}
    wrong = post(path, **{**mine, "alias": "with blank"})
    assert wrong.status_code == 422 and seen_in(wrong.text) == opened, "what was not looked at is not seen"
    for button in ({}, {"publish": "1"}):
        told = post(path, **mine, **button)
        assert told.status_code == 422 and "changed this template after you opened it" in told.text
        assert 'value="Mine"' in told.text and "Look at what stands there" in told.text
        assert drafts(app) == [("Order confirmed", 1, "Theirs")]
    assert post(path, **{**mine, "seen": seen_in(told.text)}).status_code == 303
    assert drafts(app) == [("Order confirmed", 1, "Mine")]
    assert post(path, **mine).status_code == 303, "the same once more undoes nothing"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"alias": "with blank"}, "alias"),
        ({"sender": "nobody"}, "sender"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"html": "{% if %}"}, "html"),
        ({"html": "{% slot a %}"}, "html"),
        ({"subject": "{{ a |"}, "subject"),
        ({"text": "", "html": ""}, "text"),
        ({"variables": "A B"}, "variables"),
        ({"variables": "A: list"}, "variables"),
        ({"variables": "A: number = x"}, "variables"),
        ({"variables": "A\nA"}, "variables"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_is_lost(
    app: Flask, post: Post, changes: dict[str, str], field: str
) -> None:
    path = made(post)
    before = drafts(app)
    for place in ("/templates", path):
        answer = post(place, **{**ORDER, "alias": "", **changes})
        assert answer.status_code == 422 and f'id="{field}-wrong"' in answer.text
        typed = {**ORDER, **changes}["text"] or ORDER["name"]
        assert unescape(answer.text).count(typed) >= 1
    assert drafts(app) == before


def test_an_alias_is_one_template_s(post: Post) -> None:
    made(post)
    assert 'id="alias-wrong"' in post("/templates", **ORDER).text
    other = made(post, alias="")
    assert 'id="alias-wrong"' in post(other, **ORDER).text


def test_a_preview_is_filled_with_examples_and_locked_up(client: FlaskClient, post: Post) -> None:
    path = made(post, html="<script>alert(1)</script><p>{{ NAME }} {{ ORDER }} {{ PRICE }} {{ name }}</p>")
    shown = client.get(f"{path}/preview")
    assert "<p>friend [ORDER] 2.5 Ann Lee</p>" in shown.text
    assert "sandbox;" in shown.headers["Content-Security-Policy"]
    given = client.get(f"{path}/preview?value_NAME=<b>Bo</b>&value_ORDER=7&part=html")
    assert "<p>&lt;b&gt;Bo&lt;/b&gt; 7 2.5 Ann Lee</p>" in given.text
    text = client.get(f"{path}/preview?part=text&value_ORDER=7")
    assert text.content_type.startswith("text/plain") and text.text.startswith("Order 7\n\nDear friend")
    post(path, **{**ORDER, "html": "<p>new</p>"})
    assert client.get(f"{path}/preview").text == f"{NO_WAY_OUT}<p>new</p>"
    assert "friend [ORDER]" in client.get(f"{path}/preview?version=1").text
    assert client.get(f"{path}/preview?version=2").status_code == 404


def test_a_preview_asks_nobody_outside_for_anything(client: FlaskClient, post: Post) -> None:
    """A program's template is looked at by a person, and must not learn of it."""
    path = made(post, html="<link rel=preconnect href=https://spy.example><img src='https://spy.example/x'>")
    for part in ("html", "text"):
        shown = client.get(f"{path}/preview", query_string={"part": part})
        assert "https:" not in shown.headers["Content-Security-Policy"], part
        assert shown.headers["X-DNS-Prefetch-Control"] == "off"
    assert "<link" not in client.get(f"{path}/preview").text


def test_the_letterhead_is_a_template_to_begin_with(client: FlaskClient, post: Post) -> None:
    page = unescape(client.get("/templates/new?start=letterhead").text)
    assert "{% slot content %}" in page and "COMPANY = Acme Ltd" in page
    path = made(post, **letterhead())
    assert "Acme Ltd" in client.get(f"{path}/preview").text


def letterhead(**changes: str) -> dict[str, str]:
    fields = {"subject": "", "alias": "", "html": LETTERHEAD.html, "text": LETTERHEAD.text}
    return {**fields, "variables": "COMPANY = Acme Ltd\nCOLOUR = #2b5d8a", **changes}


def sent(app: Flask) -> tuple[str, str, str, list[Any]]:
    with app.extensions["mailroom"].database.read() as connection:
        mailing = connection.execute(select(mailings.c.id, mailings.c.subject)).one()
        said = connection.execute(select(contents.c.text, contents.c.html)).one()
        values = connection.execute(select(deliveries.c.variables).order_by(deliveries.c.id)).scalars().all()
    return mailing.subject, said.text, said.html, list(values)


def test_a_mailing_says_what_its_template_says(app: Flask, client: FlaskClient, post: Post) -> None:
    uid = uid_of(made(post))
    form = client.get(f"/?template={uid}").text
    assert re.search(rf'value="{uid}" selected>Order confirmed', form)
    assert "Acme &lt;hello@acme.example&gt;" in form
    people = b"email,Order,NAME\nann@mail.example,7,Ann\nbob@mail.example,8,\n"
    answer = post("/mailings", template=uid, recipients_file=(BytesIO(people), "list.csv"))
    assert answer.status_code == 303, answer.text
    subject, text, html, values = sent(app)
    assert (subject, text, html) == (ORDER["subject"], ORDER["text"], ORDER["html"])
    assert values == [{"order": "7", "PRICE": 2.5}, {"order": "8", "PRICE": 2.5, "NAME": "friend"}]


def test_what_a_mailing_says_itself_stands_instead(app: Flask, post: Post) -> None:
    uid = uid_of(made(post))
    own = {"sender": "me@acme.example", "subject": "Mine", "html": "<p>Mine</p>", "text": "Mine"}
    assert post("/mailings", template=uid, recipients="ann@mail.example", **own).status_code == 303
    assert sent(app)[:3] == ("Mine", "Mine", "<p>Mine</p>")


def test_a_letter_stands_in_the_letterhead(app: Flask, post: Post) -> None:
    uid = uid_of(made(post, **letterhead()))
    own = {"sender": "me@acme.example", "subject": "News", "text": "Dear {{ name }},\n\nhello & bye"}
    assert post("/mailings", template=uid, recipients="Ann <ann@mail.example>", **own).status_code == 303
    _, text, html, values = sent(app)
    assert text.startswith("Dear {{ name }},\n\nhello & bye\n\n-- \n")
    assert "<p>Dear {{ name }},</p>\n<p>hello &amp; bye</p>" in html
    assert values == [{"COMPANY": "Acme Ltd", "COLOUR": "#2b5d8a"}]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "wants a value for ORDER; missing for ann@mail.example"),
        ({"html": "{% slot side %}x{% endslot %}"}, ""),
        ({"template": "no-such"}, "There is no such template."),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_and_the_choice_is_kept(
    app: Flask, post: Post, fields: dict[str, str], words: str
) -> None:
    uid = uid_of(made(post))
    answer = post("/mailings", **{"template": uid, "recipients": "ann@mail.example", **fields})
    assert answer.status_code == 422 and 'id="template-wrong"' in answer.text and words in answer.text
    assert re.search(rf'value="{fields.get("template", uid)}" selected', answer.text)
    draft = uid_of(post("/templates", **{**ORDER, "alias": ""}).headers["Location"])
    assert "is a draft" in post("/mailings", template=draft, recipients="ann@mail.example").text


def test_programs_use_what_people_made(app: Flask, post: Post) -> None:
    made(post)
    key = new_key(app.extensions["mailroom"].database, scopes=["send"])
    use = {"id": "order-confirmed", "variables": {"ORDER": "7"}}
    answer = app.test_client().post(
        "/api/v1/emails",
        json={"to": "ann@mail.example", "template": use},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200 and sent(app)[0] == "Order 7"


def test_there_is_nothing_to_choose_without_a_template(client: FlaskClient, post: Post) -> None:
    assert 'name="template"' not in client.get("/").text
    post("/templates", **ORDER)  # a draft
    assert 'name="template"' not in client.get("/").text
