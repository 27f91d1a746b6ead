"""/check: preflight on a page, with preview, test and Send, and nothing that was typed is lost."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mailroom.database.engine import Database
from mailroom.engine.preflight import crew
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import contents, mailings
from mailroom.ledger.people import users
from mailroom.web.checking import kept_check
from tests.web import watching

PEOPLE = (
    "email,name,first_name\nann@mail.example,Ann Lee,Ann\nnobody,X,X\n"
    "bob@mail.example,Bob,\ncid@mail.example,Cid Roe,Cid\n"
)
LETTER = {
    "sender": "Shop <ann@shop.example>",
    "subject": "News for {{ first_name }}",
    "text": "Hello {{ first_name }}, & welcome.\n",
    "html": "<p>Hello {{ first_name }},</p><script>alert(1)</script><img src='https://shop.example/a' alt=x>",
    "reply_to": "help@shop.example",
    "purpose": "transactional",
    "undo": "10",
}
Check = Callable[..., TestResponse]


@pytest.fixture
def database(app: Flask) -> Database:
    found: Database = app.extensions["mailroom"].database
    return found


@pytest.fixture
def post(client: FlaskClient, csrf: Callable[..., str]) -> Check:
    token = csrf(client)
    return lambda path, **fields: client.post(path, data={"csrf_token": token, **fields})


@pytest.fixture
def check(post: Check) -> Check:
    """POST /check with the letter; `people`: the file."""

    def begin(people: str = PEOPLE, **fields: Any) -> TestResponse:
        file = (io.BytesIO(people.encode()), "people.csv")
        return post("/check", **{**LETTER, "recipients_file": file, **fields})

    return begin


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def all_mailings(database: Database) -> list[mailings.Mailing]:
    with database.read() as connection:
        return mailings.page(connection)


def test_what_is_odd_is_listed_with_its_rows_and_who_gets_it(client: FlaskClient, check: Check) -> None:
    answer = check()
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert page.status_code == 200 and page.headers["Cache-Control"] == "no-store"
    said = words(page.text)
    assert "2 things to look at" in said
    assert "{{ first_name }} is empty for 1 recipient, who reads “Hello , & welcome.”" in said
    assert "3 recipients get it." in said and "Send 3 mails" in said
    assert "Row 2" in said and "Row 3" in said
    assert "nothing was sent in the last hour" in said


def test_what_is_said_of_one_and_of_several_is_a_sentence(client: FlaskClient, check: Check) -> None:
    again = "ann@mail.example,Ann Lee,Ann\n"
    said = words(client.get(check(PEOPLE + again).location).text)
    assert (
        "1 address is there more than once, and gets one mail: “ann@mail.example”. Row 5" in said
    )  # and no line of the file, which counts from its heading
    assert "“nobody” (An email address must have an @-sign)." in said
    said = words(client.get(check(PEOPLE + again + "cid@mail.example,Cid Roe,Cid\n").location).text)
    assert "2 addresses are there more than once, and get one mail" in said


def test_send_sends_what_was_checked_once(
    client: FlaskClient, check: Check, post: Check, database: Database
) -> None:
    where = check(attachments=(io.BytesIO(b"a file"), "a.txt")).location
    answer = post(f"{where}/send")
    assert re.fullmatch(r"/mailings/\d+", answer.location)
    [mailing] = all_mailings(database)
    assert (mailing.total, mailing.subject, mailing.sender_name) == (3, LETTER["subject"], "Shop")
    with database.read() as connection:
        [file] = watching.files_of(connection, mailing.id)
        stored = contents.of(connection, mailing.id)
    assert file.data == b"a file" and stored and stored.reply_to == ["help@shop.example"]
    assert "1 entry" in words(client.get(answer.location).text)
    assert client.get(where).status_code == 404 and post(f"{where}/send").status_code == 404
    assert len(all_mailings(database)) == 1


def test_a_row_that_cannot_be_filled_fails_alone_once_it_was_told(
    client: FlaskClient, check: Check, post: Check, database: Database
) -> None:
    people = "email,first_name,n\nann@mail.example,Ann,2\nbob@mail.example,Bob,0\n"
    where = check(people, text="{{ 10 | divided_by: n }}").location
    said = words(client.get(where).text)
    assert "1 recipient gets it." in said and "Row 2" in said
    assert post(f"{where}/send").status_code == 303
    assert [one.total for one in all_mailings(database)] == [2]


def test_a_template_that_changed_meanwhile_is_checked_again_before_it_is_sent(
    client: FlaskClient, check: Check, post: Check, database: Database
) -> None:
    letter = {"name": "T", "alias": "t", "subject": "S", "text": "As it was.", "publish": "1"}
    template = post("/templates", **letter).location
    where = check(template="t", subject="", text="", html="").location
    post(template, **{**letter, "text": "As nobody has seen it."})
    assert "Send 3 mails" in words(client.get(where).text)  # a draft is nobody's mail yet
    post(template, **{**letter, "text": "As nobody has seen it.", "publish": "1"})
    refused = post(f"{where}/send")
    assert "changed since" in words(client.get(refused.location).text) and all_mailings(database) == []
    where = post(f"{where}/again").location
    assert post(f"{where}/send").status_code == 303 and len(all_mailings(database)) == 1


def test_a_template_s_value_that_some_lack_has_no_send(
    client: FlaskClient, check: Check, post: Check, database: Database
) -> None:
    letter = {"name": "T", "alias": "t", "subject": "S", "text": "Hello.{% if first_name %} You.{% endif %}"}
    post("/templates", **letter, publish="1")
    where = check(template="t", recipients="zoe@mail.example", subject="", text="", html="").location
    said = words(client.get(where).text)
    assert "It cannot be sent like this" in said and "missing for 1 recipient" in said
    assert post(f"{where}/send").status_code == 422 and all_mailings(database) == []


def test_the_form_comes_back_as_it_was_typed(client: FlaskClient, check: Check) -> None:
    page = client.get(f"{check(attachments=(io.BytesIO(b'x'), 'a.txt')).location}/edit").text
    for name in ("subject", "text", "html", "sender", "reply_to"):
        assert unescape(page).replace("\r\n", "\n").count(LETTER[name].strip()), name
    assert "people.csv" in page and "a.txt" in page
    assert 'value="transactional" checked' in page


def test_what_must_be_mended_first_comes_back_as_at_send(check: Check, database: Database) -> None:
    for fields in ({"sender": ""}, {"subject": " "}, {"people": "no,thing\n1,2\n"}, {"undo": "x"}):
        answer = check(**fields)
        assert answer.status_code == 422 and "error-summary" in answer.text, fields
        assert "people.csv" in answer.text or "people" in fields
    assert all_mailings(database) == []


def test_a_letter_that_send_refuses_has_no_send(client: FlaskClient, check: Check, post: Check) -> None:
    where = check(text="Hello {{ frist_name }}").location
    said = words(client.get(where).text)
    assert "Do you mean {{ first_name }}?" in said and "It cannot be sent like this" in said
    assert "Send 3 mails" not in said
    assert post(f"{where}/send").status_code == 422  # and whoever sends all the same sees why


def test_bulk_mail_without_a_link_is_told_and_may_be_sent(
    client: FlaskClient, check: Check, post: Check, database: Database
) -> None:
    where = check(purpose="bulk", ask_for_link="1").location
    assert "nobody sees in it how to unsubscribe" in words(client.get(where).text)
    assert post(f"{where}/send").status_code == 303
    assert all_mailings(database)[0].purpose == "bulk"


def test_each_recipient_can_be_looked_at(client: FlaskClient, check: Check) -> None:
    where = check().location
    assert "News for Ann" in client.get(where).text
    third = client.get(where, query_string={"place": 2, "as": "text"}).text
    assert "Hello Cid, &amp; welcome." in third and "cid@mail.example" in third
    for who in ("cid roe", "CID@", "4"):
        assert "News for Cid" in client.get(where, query_string={"who": who}).text, who
    assert "Nobody here is called" in client.get(where, query_string={"who": "zoe"}).text
    source = client.get(where, query_string={"as": "source"}).text
    assert "Content-Type: multipart/alternative" in source
    for odd in ({"place": "99"}, {"place": "-1"}, {"place": "x"}, {"as": "<b>", "width": "?", "who": "2"}):
        assert client.get(where, query_string=odd).status_code == 200


def test_the_preview_runs_nothing_and_loads_nothing(client: FlaskClient, check: Check) -> None:
    where = check().location
    page = client.get(where, query_string={"width": "phone", "scheme": "dark"}).text
    frame = re.search(r'<iframe class="frame-letter frame-phone frame-dark" sandbox=""', page)
    assert frame
    letter = client.get(f"{where}/letter/0")
    policy = letter.headers["Content-Security-Policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "https:" not in policy
    assert "Hello Ann" in letter.text
    for place in (7, 2**61, 2**63 - 1):
        assert client.get(f"{where}/letter/{place}").status_code == 404


def test_a_row_that_cannot_be_built_says_why_in_its_preview(client: FlaskClient, check: Check) -> None:
    where = check(text="{{ 1 | divided_by: first_name }}").location
    assert "do not work for this recipient" in words(client.get(where).text)


def test_a_test_goes_to_a_few_with_the_chosen_values(
    client: FlaskClient, check: Check, post: Check, database: Database
) -> None:
    where = check(
        purpose="bulk", text="Hello {{ first_name }} at {{ email }}: {{ unsubscribe_url }}"
    ).location
    answer = post(f"{where}/test", to="me@shop.example, Eve <eve@shop.example>", place="2")
    assert answer.status_code == 303
    assert "A test goes to 2 addresses" in words(client.get(answer.location.partition("#")[0]).text)
    [mailing] = all_mailings(database)
    assert mailing.subject == "[Test] News for {{ first_name }}"
    assert (mailing.total, mailing.purpose) == (2, "transactional")
    with database.read() as connection:
        rows = list(deliveries.each(connection, mailing.id))
    assert [row.address for row in rows] == ["me@shop.example", "eve@shop.example"]
    values = rows[0].variables or {}
    assert (values["first_name"], values["email"]) == ("Cid", "cid@mail.example")
    assert str(values["unsubscribe_url"]).endswith("/unsubscribe/test")
    assert post(f"{where}/send").status_code == 303  # the mailing itself is still to be sent
    assert [one.total for one in all_mailings(database)] == [3, 2]


@pytest.mark.parametrize(("person", "offered"), [("ann@shop.example", True), ("owner@localhost", False)])
def test_a_test_is_offered_to_whoever_looks_where_they_can_be_mailed(
    app: Flask, person: str, offered: bool
) -> None:
    client = watching.signed_in(app, person)
    checked = watching.post(client, "/check", "/", **LETTER, recipients="ann@mail.example")
    page = client.get(checked.location).text
    assert '<input id="to" name="to"' in page
    assert (f'value="{person}"' in page) is offered


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("", "Say who gets it"),
        ("nobody", "@-sign"),
        (",".join(f"p{n}@shop.example" for n in range(6)), "5 addresses at the most"),
    ],
)
def test_a_test_to_nobody_or_to_many_is_refused(
    client: FlaskClient, check: Check, post: Check, database: Database, to: str, why: str
) -> None:
    where = check().location
    answer = post(f"{where}/test", to=to)
    assert why in words(client.get(answer.location.partition("#")[0]).text)
    assert all_mailings(database) == []


def test_many_are_checked_beside_the_request_and_the_page_says_how_far(
    client: FlaskClient, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = "email,first_name\n" + "".join(f"p{n}@mail.example,{'P' if n else ''}\n" for n in range(2_500))
    with crew._benches:  # somebody else's is under way
        answer = check(people)
        page = client.get(answer.location).text
        assert "0 of 2,500" in words(page) and "data-moving" in page
        assert '<noscript><meta http-equiv="refresh"' in page
        assert "data-moving" in client.get(f"{answer.location}/progress").text
    deadline = time.monotonic() + 30
    while "data-moving" in client.get(f"{answer.location}/progress").text:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    said = words(client.get(answer.location).text)
    assert "is empty for 1 recipient" in said and "2,500 recipients get it." in said


def test_a_check_that_was_broken_off_can_be_made_again(
    client: FlaskClient, check: Check, post: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailroom.web.checking.running._run", lambda *_: None)
    where = check().location
    assert "data-moving" in client.get(where).text
    monkeypatch.setattr(kept_check, "BROKEN_OFF_AFTER", -1.0)
    assert "The check was broken off" in words(client.get(where).text)
    monkeypatch.undo()
    answer = post(f"{where}/again")
    assert "3 recipients get it." in words(client.get(answer.location).text)


def test_nobody_else_sees_a_check(app: Flask, check: Check, database: Database) -> None:
    where = check().location
    with database.begin() as connection:
        other = users.add(connection, "other@example.org", None)
        link = f"/sign-in?token={users.make_link(connection, other.id)}"
    somebody = app.test_client()
    assert somebody.get(where).status_code in (302, 303, 401)
    somebody.get(link)
    for path in (where, f"{where}/edit", f"{where}/letter/0", f"{where}/progress"):
        assert somebody.get(path).status_code == 404


@pytest.mark.parametrize("token", ["0" * 32, "x", "..", "%2e%2e%2fkeys", "0" * 33])
def test_a_token_that_is_none_is_not_found(client: FlaskClient, token: str) -> None:
    assert client.get(f"/check/{token}").status_code == 404


def test_a_file_that_somebody_attached_is_no_check(client: FlaskClient, check: Check) -> None:
    page = client.get(f"{check().location}/edit").text
    kept = re.search(r'name="kept_recipients_file" value="([0-9a-f]{32})"', page)
    assert kept and client.get(f"/check/{kept[1]}").status_code == 404
