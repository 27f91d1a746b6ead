"""Lists on the pages: made, imported after a look, searched, changed one by one, and written to."""

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

from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.consent import unsubscribing
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.consent.unsubscribing import Subscription
from mailroom.ledger.lists import kept, lease, members
from mailroom.ledger.schema import deliveries, mailings
from tests.ledger.book import CONTENT

Csrf = Callable[..., str]

GUESTS = (
    "email;name;City;consent_at;consent_how\n"
    "ann@mail.example;Ann Lee;Köln;2024-05-01;form\n"
    "bob@mail.example;Bob;Rome;;\n"
)


class Pages:
    """What a person does there."""

    def __init__(self, app: Flask, client: FlaskClient, token: str) -> None:
        self.client, self._token = client, token
        self.database: Database = app.extensions["mailroom"].database

    def post(self, path: str, status: int = 303, **fields: Any) -> TestResponse:
        form = {"csrf_token": self._token, **fields}
        answer = self.client.post(path, data=form, content_type="multipart/form-data")
        assert answer.status_code == status, answer.text
        return answer

    def made(self, name: str = "Digest") -> str:
        return str(self.post("/lists", name=name).headers["Location"])

    def look(
        self, path: str, text: str = GUESTS, status: int = 200, **fields: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page that says what changes, and the fields with which it is agreed to."""
        file = (BytesIO(text.encode()), "guests.csv")
        page = self.post(f"{path}/import", status, recipients_file=file, **fields).text
        found = re.search(r'name="agreed" value="([\d,]*)"', page)
        kept_file = re.search(r'name="kept_recipients_file" value="(\w+)"', page)
        agreed = {
            "agreed": found[1] if found else "",
            "kept_recipients_file": kept_file[1] if kept_file else "",
        }
        return unescape(page), {**agreed, **fields}

    def take(self, path: str, text: str = GUESTS, **fields: Any) -> None:
        self.agree(path, self.look(path, text, **fields)[1])

    def agree(self, path: str, agreed: dict[str, Any], status: int = 303) -> TestResponse:
        fields: dict[str, Any] = {"import": "1", **agreed}
        return self.post(f"{path}/import", status, **fields)

    def people(self, path: str) -> dict[str, dict[str, Any]]:
        with self.database.read() as connection:
            one = kept.find(connection, path.rpartition("/")[2])
            assert one is not None
            return {member.address: dict(member.variables) for member in members.each(connection, one.id)}

    def member(self, path: str, address: str) -> str:
        page = self.client.get(path).text
        found = re.search(rf'href="(/lists/[\w-]+/recipients/\d+)">\s*<bdi>{address}<', page)
        assert found, page
        return found[1]


@pytest.fixture
def pages(app: Flask, client: FlaskClient, csrf: Csrf) -> Pages:
    return Pages(app, client, csrf(client))


def test_what_changes_is_shown_before_it_is_done(pages: Pages) -> None:
    path = pages.made()
    page, agreed = pages.look(path)
    assert "<strong>2</strong> added" in page and "guests.csv" in page and pages.people(path) == {}
    pages.agree(path, agreed)
    assert pages.people(path) == {"ann@mail.example": {"city": "Köln"}, "bob@mail.example": {"city": "Rome"}}

    new = "email,city\nann@mail.example,Oslo\ncy@mail.example,\n"
    page, agreed = pages.look(path, new, mode="replace")
    assert "city: Köln → Oslo" in page and re.search(r"bob@mail\.example", page)
    assert "<strong>1</strong> removed" in page
    pages.post(f"{path}/recipients", address="dan@mail.example")
    page = pages.agree(path, agreed, 409).text
    assert "look at it again" in page and "<strong>2</strong> removed" in page
    assert len(pages.people(path)) == 3, "what nobody agreed to is not done"
    again = re.search(r'name="agreed" value="([\d,]*)"', page)
    assert again
    pages.agree(path, {**agreed, "agreed": again[1]})
    assert pages.people(path) == {"ann@mail.example": {"city": "Oslo"}, "cy@mail.example": {}}


def test_what_cannot_be_kept_is_mended_or_left_out_knowingly(pages: Pages) -> None:
    path = pages.made()
    bad = "email,consent_at\nann@,\nbob@mail.example,2024-01-01\ncy@mail.example,soon\n"
    page, agreed = pages.look(path, bad, 422)
    assert (
        "“soon” is no time" in page
        and "1 entry of the file cannot be mailed" in page
        and not agreed["agreed"]
    )
    page, agreed = pages.look(
        path, bad, leave_out="1", mend_entry="recipients_file 2 ann@", mend_address="ann@mail.example"
    )
    assert "<strong>2</strong> added" in page
    page, _ = pages.look(path, "PK\x03\x04 no list", 422)
    assert "ZIP archive" in page
    assert "Write it like" in pages.look(path, GUESTS, 422, consent_at="soon")[0].replace(
        "write it", "Write it"
    )


def test_a_list_is_searched_paged_and_exported(pages: Pages) -> None:
    path = pages.made()
    people = "".join(f"p{number}@mail.example,Town {number}\n" for number in range(120))
    pages.take(path, f"email,city\n{people}")
    page = pages.client.get(path).text
    assert "120 recipients" in page and "p49@mail" in page and "p50@mail" not in page
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following and "p50@mail" in pages.client.get(unescape(following[1])).text
    found = pages.client.get(f"{path}?q=TOWN+77").text
    assert "p77@mail" in found and "p78@mail" not in found
    assert "Nothing found" in pages.client.get(f"{path}?q=nowhere").text
    pages.take(path, 'email,name,city\nq@mail.example,"=1+1",@x\n', mode="replace")
    assert pages.client.get(f"{path}/list.csv").text.splitlines() == [
        "email,name,city,consent,consent_at,consent_how,consent_evidence",
        "q@mail.example,'=1+1,'@x,,,,",
    ]


def test_one_is_added_changed_and_taken_off(pages: Pages) -> None:
    path = pages.made()
    pages.take(path)
    pages.post(f"{path}/recipients", 422, address="ann@")
    assert "on the list already" in pages.post(f"{path}/recipients", 422, address="ANN@mail.example").text
    assert (
        "another name"
        in pages.post(
            f"{path}/recipients", 422, address="x@mail.example", new_column="email", new_value="x"
        ).text
    )
    cy: dict[str, Any] = {"address": "Cy <cy@mail.example>", "value_city": "Bern"}
    pages.post(f"{path}/recipients", **cy, new_column="First seen", new_value="2026")
    assert pages.people(path)["cy@mail.example"] == {"city": "Bern", "first_seen": "2026"}
    one = pages.member(path, "cy@mail.example")
    pages.post(one, name="Cy Ann", value_city="", value_first_seen="2026")
    assert pages.people(path)["cy@mail.example"] == {"first_seen": "2026"}
    pages.post(f"{one}/remove")
    pages.post(f"{path}/take-off", address=["bob@mail.example", "no@mail.example"])
    assert list(pages.people(path)) == ["ann@mail.example"]
    assert pages.client.get(one).status_code == 404


def test_what_an_import_changed_is_not_undone_unseen(pages: Pages) -> None:
    path = pages.made()
    pages.take(path)
    one = pages.member(path, "ann@mail.example")

    def seen(page: str) -> str:
        return str(re.findall(r'name="seen" value="([^"]+)"', unescape(page))[0])

    opened = seen(pages.client.get(one).text)
    pages.take(path, "email,city\nann@mail.example,Turin\n")
    wrong = pages.post(
        one, 422, name="Ann", value_city="Bern", seen=opened, new_column="email", new_value="x"
    )
    assert seen(wrong.text) == opened, "what was not looked at is not seen"
    told = pages.post(one, 422, name="Ann", value_city="Bern", seen=opened)
    assert "changed this recipient after you opened" in told.text and 'value="Bern"' in told.text
    assert pages.people(path)["ann@mail.example"]["city"] == "Turin"
    pages.post(one, name="Ann", value_city="Bern", seen=seen(told.text))
    assert pages.people(path)["ann@mail.example"]["city"] == "Bern"


def test_a_recipients_page_tells_their_consent_and_their_mail(app: Flask, pages: Pages) -> None:
    path = pages.made()
    pages.take(path)
    mailroom = app.extensions["mailroom"]
    accept(mailroom.database, mailroom.queue, Submission(CONTENT, [Recipient("Ann@mail.example")]))
    one = pages.member(path, "ann@mail.example")
    ann: dict[str, Any] = {"name": "Ann", "value_city": "Köln", "consent": "given"}
    spoken: dict[str, Any] = {
        "consent_how": "spoken",
        "consent_at": "2025-06-07",
        "consent_evidence": "<b>a call</b>",
    }
    pages.post(one, **ann, **spoken)
    page = pages.client.get(one).text
    assert (
        "spoken" in page
        and "&lt;b&gt;a call" in page
        and "What held before" in page
        and "nothing stops it" in page
    )
    assert CONTENT.subject in page and "queued" in page
    pages.post(one, **ann, consent_how="older", consent_at="2020-01-01")
    assert "A newer fact of consent is known already" in pages.client.get(one).text

    scope = Scope("news@acme.example", "digest")
    with pages.database.begin() as connection:
        unsubscribing.unsubscribe(connection, Subscription(1, "ann@mail.example", scope), scope, "one click")
    page = unescape(pages.client.get(one).text)
    assert "withdrawn" in page and "unsubscribed from “digest” of news@acme.example" in page
    assert "no “digest” from" in re.sub(r"\s+", " ", page)
    assert "withdrawn" in pages.client.get(path).text


def test_lists_are_made_of_some_and_of_a_mailings_outcome(app: Flask, pages: Pages) -> None:
    path = pages.made()
    pages.take(path)
    query = "column=city&how=is&value=rome&column=consent&how=is_empty&value="
    page = pages.client.get(f"{path}/some?{query}").text
    assert "1 recipient<" in page and "bob@mail" in page and "ann@mail" not in page
    fields: dict[str, Any] = {"column": ["city", "consent"], "how": ["is", "is_empty"], "value": ["rome", ""]}
    assert "Another list has this name" in pages.post(f"{path}/some", 422, name="DIGEST", **fields).text
    made = pages.post(f"{path}/some", name="Romans", **fields).headers["Location"]
    assert list(pages.people(made)) == ["bob@mail.example"]
    pages.post(f"{path}/some", 422, name="X", column="town", how="is", value="x")

    mailroom = app.extensions["mailroom"]
    people = [Recipient("ann@mail.example"), Recipient("bob@mail.example")]
    number = accept(mailroom.database, mailroom.queue, Submission(CONTENT, people)).mailing_id
    assert f"/lists/of-mailing/{number}" in pages.client.get(f"/mailings/{number}").text
    assert "2 recipients" in pages.client.get(f"/lists/of-mailing/{number}?outcome=queued").text
    made = pages.post(f"/lists/of-mailing/{number}", name="Waiting", outcome="queued").headers["Location"]
    assert len(pages.people(made)) == 2
    assert pages.client.get("/lists/of-mailing/99").status_code == 404


def test_a_mailing_goes_to_a_list_as_it_is_then(pages: Pages) -> None:
    path = pages.made()
    pages.take(path)
    uid = path.rpartition("/")[2]
    page = pages.client.get(f"/?recipients_list={uid}").text
    assert re.search(rf'<option value="{uid}" selected>\s*Digest \(2\)', page)
    letter: dict[str, Any] = {
        "sender": "news@acme.example",
        "subject": "For {{ city }}",
        "text": "Hi {{ name }} {{ unsubscribe_url }}",
    }
    looked = pages.post("/recipients", 200, **letter, recipients_list=uid, recipients="bob@mail.example").text
    assert "<strong>2</strong> get it" in looked
    pages.post(f"{path}/recipients", address="cy@mail.example")
    pages.post("/mailings", **letter, recipients_list=uid)
    with pages.database.read() as connection:
        mailing = connection.execute(select(mailings.c.purpose, mailings.c.list_name)).one()
        sent = connection.execute(select(deliveries.c.address, deliveries.c.variables)).all()
    assert tuple(mailing) == ("bulk", "digest")
    assert [tuple(one) for one in sent] == [
        ("ann@mail.example", {"city": "Köln"}),
        ("bob@mail.example", {"city": "Rome"}),
        ("cy@mail.example", {"city": ""}),
    ]


def test_nobody_sends_to_a_list_that_is_not_ready(pages: Pages) -> None:
    path = pages.made()
    uid = path.rpartition("/")[2]
    letter: dict[str, Any] = {
        "sender": "news@acme.example",
        "subject": "Hi",
        "text": "Hi",
        "recipients_list": uid,
    }
    assert "Nobody is on this list" in pages.post("/mailings", 422, **letter).text
    pages.take(path)
    with pages.database.begin() as connection:
        one = kept.find(connection, uid)
        assert one is not None
        lease.take(connection, one.id)
    assert "imported just now" in pages.post("/mailings", 422, **letter).text
    assert "imported just now" in pages.client.get(path).text
    other: dict[str, Any] = {**letter, "recipients_list": "4ef9a417-02e9-4d39-ad75-9611e0fcc33c"}
    assert "no such list" in pages.post("/mailings", 422, **other).text


def test_a_list_is_renamed_shared_and_removed(pages: Pages) -> None:
    path, _ = pages.made(), pages.made("Other")
    assert "Another list has this name" in pages.post(path, 422, name="other").text
    pages.post(path, name="Weekly", shared="1")
    assert "Weekly" in pages.client.get("/lists").text and "checked" in pages.client.get(path).text
    pages.post(f"{path}/remove")
    assert pages.client.get(path).status_code == 404 and "Weekly" not in pages.client.get("/lists").text
    assert pages.client.get("/lists/Other").status_code == 404
