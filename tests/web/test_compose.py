from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import contents, mailings
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.settings import Settings
from tests.servers import Valkey
from tests.web import watching

Csrf = Callable[..., str]
LETTER = {
    "sender": "Ann Lee <ann@example.org>",
    "recipients": "bob@example.org",
    "subject": "Hello",
    "text": "How are you?",
}


@pytest.fixture
def submit(client: FlaskClient, csrf: Csrf) -> Callable[..., TestResponse]:
    token = csrf(client)

    def submit(**fields: Any) -> TestResponse:
        form = {**LETTER, "csrf_token": token, **fields}
        return client.post("/mailings", data=form, content_type="multipart/form-data")

    return submit


Submit = Callable[..., TestResponse]


def typed(page: str, name: str) -> str:
    """What the field of that name holds on the page."""
    area = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\n(.*?)</textarea>', page, re.S)
    field = re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', page)
    found = area or field
    assert found, f"no field {name}"
    return unescape(found[1])


def only_mailing(app: Flask) -> mailings.Mailing:
    with app.extensions["mailroom"].database.read() as connection:
        (mailing,) = mailings.page(connection)
        return mailing


def number_of_mailings(app: Flask) -> int:
    with app.extensions["mailroom"].database.read() as connection:
        return len(mailings.page(connection))


def test_it_answers_with_the_mailings_own_page(app: Flask, client: FlaskClient, submit: Submit) -> None:
    answer = submit()
    mailing = only_mailing(app)
    assert (answer.status_code, answer.location) == (303, f"/mailings/{mailing.id}")
    assert client.get(answer.location).status_code == 200
    assert (mailing.sender_name, mailing.subject, mailing.total) == ("Ann Lee", "Hello", 1)


def test_the_next_form_is_from_the_same_sender(client: FlaskClient, submit: Submit) -> None:
    submit()
    assert typed(client.get("/").text, "sender") == LETTER["sender"]


def test_a_sender_too_long_for_a_cookie_is_not_remembered(client: FlaskClient, submit: Submit) -> None:
    sender = f"{secrets.token_hex(490)} <ann@example.org>"  # nearly as long as a name may be
    answer = submit(sender=sender)
    assert answer.status_code == 303
    assert len(answer.headers.get("Set-Cookie", "")) < 4_000
    assert sender not in client.get("/").text


def test_it_drops_duplicates_and_says_which(app: Flask, client: FlaskClient, submit: Submit) -> None:
    page = client.get(submit(recipients="bob@example.org, Bob@Example.org\ncleo@example.org").location).text
    assert "1 address (Bob@Example.org)" in page
    assert (only_mailing(app).total, only_mailing(app).duplicates) == (2, 1)


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"recipients": ""}, "recipients", "Say who gets it"),
        ({"sender": ""}, "sender", "Say who the mail is from"),
        ({"sender": "nobody"}, "sender", "@-sign"),
        ({"subject": " "}, "subject", "Write a subject"),
        ({"text": "", "html": ""}, "text", "Write a text"),
        ({"subject": "a\r\nBcc: eve@example.org"}, "subject", "line break"),
        ({"sender": "Ann\r\nBcc: eve@example.org <ann@example.org>"}, "sender", "line break"),
        ({"reply_to": "replies"}, "reply_to", "replies"),
        ({"text": "Dear {{ nmae }}"}, "text", "nmae"),
        ({"text": "{% for i in (1..99999) %}x{% endfor %}"}, "text", "more than 10,000 numbers"),
        ({"send_at": "tomorrow"}, "send_at", "Write the time"),
        ({"send_at": "2020-01-01T00:00"}, "send_at", "is over"),
        ({"send_at": "9999-12-31T23:59"}, "send_at", "within the next year"),
    ],
)
def test_each_mistake_has_its_message_and_nothing_typed_is_lost(
    app: Flask, submit: Submit, fields: dict[str, str], name: str, words: str
) -> None:
    answer = submit(**{"html": "<p>\n\nSo</p>", "reply_to": "", **fields})
    assert answer.status_code == 422
    assert f'id="{name}-wrong"' in answer.text and f'href="#{name}"' in answer.text
    assert words in unescape(answer.text)
    for field, value in (LETTER | fields).items():
        assert typed(answer.text, field).replace("\r\n", "\n") == value.replace("\r\n", "\n")
    assert number_of_mailings(app) == 0


def test_a_bad_address_among_500_is_named_with_its_line(app: Flask, submit: Submit) -> None:
    lines = [f"person{number}@example.org" for number in range(500)]
    lines[321] = "person321@@example.org"
    answer = submit(recipients="\n".join(lines))
    assert answer.status_code == 422
    assert "line 322" in answer.text and "person321@@example.org" in answer.text
    assert typed(answer.text, "recipients").split() == lines


def test_of_many_bad_addresses_a_hundred_are_listed(submit: Submit) -> None:
    page = submit(recipients="\n".join(f"bad{number}" for number in range(250))).text
    assert page.count('<span class="mono">bad') == 100
    assert "250 entries cannot be mailed" in page and "and 150 more" in page


def test_bad_addresses_can_be_left_out(app: Flask, client: FlaskClient, submit: Submit) -> None:
    answer = submit(recipients="bob@example.org\nnonsense", leave_out="on")
    assert answer.status_code == 303
    assert "Left out, as asked: 1 entry" in client.get(answer.location).text
    assert only_mailing(app).total == 1


def test_a_list_may_come_as_csv_and_its_columns_are_kept(app: Flask, submit: Submit) -> None:
    table = b"E-Mail;First Name\r\nbob@example.org;Bob\r\ncleo@example.org;Cl\xc3\xa9o\r\n"
    submit(recipients="", recipients_file=(io.BytesIO(table), "guests.csv"), text="Dear {{ first_name }}")
    with app.extensions["mailroom"].database.read() as connection:
        rows = deliveries.page(connection, only_mailing(app).id)
    assert [(row.address, row.variables) for row in rows] == [
        ("bob@example.org", {"first_name": "Bob"}),
        ("cleo@example.org", {"first_name": "Cléo"}),
    ]


def test_uploaded_files_are_kept_for_the_next_try(app: Flask, settings: Settings, submit: Submit) -> None:
    table = b"email,name\nbob@example.org,Bob\ncleo@example.org,Cleo\n"
    page = submit(
        subject="",
        recipients="",
        recipients_file=(io.BytesIO(table), "guests.csv"),
        attachments=[(io.BytesIO(b"%PDF"), "Programme.pdf"), (io.BytesIO(b"PNG"), "Map.png")],
    ).text
    assert "guests.csv" in page and "2 recipients, kept" in page and "Programme.pdf" in page
    kept = {
        name: re.findall(rf'name="{name}" value="([0-9a-f]+)"', page)
        for name in ("kept_recipients_file", "kept_attachments")
    }
    assert submit(recipients="", **kept).status_code == 303
    mailing = only_mailing(app)
    with app.extensions["mailroom"].database.read() as connection:
        files = watching.files_of(connection, mailing.id)
    assert mailing.total == 2
    assert [(file.filename, file.data) for file in files] == [("Programme.pdf", b"%PDF"), ("Map.png", b"PNG")]
    assert not list(Path(settings.home, "uploads").rglob("*.json")), "kept longer than needed"


@pytest.mark.parametrize("token", ["0" * 32, "../../../mailroom.db", ""])
def test_a_kept_file_that_is_gone_is_asked_for_again(submit: Submit, token: str) -> None:
    answer = submit(kept_recipients_file=token)
    assert answer.status_code == 422
    assert "choose it again" in answer.text


def test_a_form_posted_twice_is_one_mailing(app: Flask, client: FlaskClient, submit: Submit) -> None:
    first, second = submit(idempotency_key="k1"), submit(idempotency_key="k1")
    assert second.status_code == 303 and second.location == first.location
    assert "nothing was sent twice" in client.get(second.location).text
    assert number_of_mailings(app) == 1


def test_a_form_that_was_changed_after_it_was_sent_is_asked_about(app: Flask, submit: Submit) -> None:
    submit(idempotency_key="k1")
    answer = submit(idempotency_key="k1", subject="Something else")
    assert answer.status_code == 409
    assert "sent before, with other content" in answer.text
    fresh = typed(answer.text, "idempotency_key")
    assert submit(idempotency_key=fresh, subject="Something else").status_code == 303
    assert number_of_mailings(app) == 2


@pytest.mark.parametrize("token", ["", "expired"])
def test_an_expired_token_gives_the_form_back_as_typed(submit: Submit, token: str) -> None:
    answer = submit(csrf_token=token)
    assert answer.status_code == 422
    assert "open for too long" in answer.text
    assert typed(answer.text, "text") == LETTER["text"]
    fresh = typed(answer.text, "csrf_token")
    assert submit(csrf_token=fresh).status_code == 303


def test_a_form_of_another_site_is_not_even_shown(client: FlaskClient) -> None:
    answer = client.post("/mailings", data=LETTER, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 400
    assert LETTER["text"] not in answer.text


def test_five_megabytes_of_text_are_taken(app: Flask, submit: Submit) -> None:
    assert submit(text="A long letter.\n" * 350_000).status_code == 303
    with app.extensions["mailroom"].database.read() as connection:
        content = contents.of(connection, only_mailing(app).id)
    assert content and len(content.text) == 15 * 350_000


def test_too_much_is_refused_with_a_page_that_says_how_much(
    client: FlaskClient, csrf: Csrf, app: Flask
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    form = {**LETTER, "csrf_token": csrf(client), "text": "x" * 1_100_000}
    answer = client.post("/mailings", data=form, content_type="multipart/form-data")
    assert answer.status_code == 413
    assert "what you typed is still there" in answer.text


@pytest.mark.parametrize(
    ("sender", "name"),
    [('"Lee, Ann" <ann@example.org>', "Lee, Ann"), ("Zoë 🎉 <ann@example.org>", "Zoë 🎉")],
)
def test_names_of_all_kinds_are_taken(app: Flask, submit: Submit, sender: str, name: str) -> None:
    assert (
        submit(sender=sender, subject="Grüße 🎂", recipients="Jörg <jörg.test@bücher.example>").status_code
        == 422
    )
    assert (
        submit(sender=sender, subject="Grüße 🎂", recipients="Jörg <joerg@bücher.example>").status_code == 303
    )
    assert (only_mailing(app).sender_name, only_mailing(app).subject) == (name, "Grüße 🎂")


def test_a_time_is_read_in_the_readers_time_zone(app: Flask, submit: Submit) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    submit(send_at=tomorrow.strftime("%Y-%m-%dT%H:%M"), time_zone="Asia/Tokyo")
    mailing = only_mailing(app)
    assert mailing.state == "scheduled"
    assert mailing.send_at == tomorrow - timedelta(hours=9)


def test_without_redis_it_is_accepted_all_the_same(
    app: Flask, client: FlaskClient, submit: Submit, valkey: Valkey
) -> None:
    valkey.pause()
    try:
        answer = submit()
    finally:
        valkey.go_on()
    assert answer.status_code == 303
    assert "sending starts when it is back" in client.get(answer.location).text


def test_a_mailing_is_copied_as_a_new_one(app: Flask, client: FlaskClient, submit: Submit) -> None:
    submit(
        recipients='"Lee, Bob" <bob@example.org>\ncleo@example.org',
        reply_to="ann@example.org",
        html="<p>Hi</p>",
    )
    page = client.get(f"/?copy={only_mailing(app).id}").text
    assert typed(page, "recipients").splitlines() == ['"Lee, Bob" <bob@example.org>', "cleo@example.org"]
    assert [typed(page, name) for name in ("sender", "reply_to", "subject", "text", "html")] == [
        *("Ann Lee <ann@example.org>", "ann@example.org", "Hello", "How are you?", "<p>Hi</p>"),
    ]


def test_a_copy_begins_with_as_many(app: Flask, client: FlaskClient, submit: Submit) -> None:
    submit(recipients="bob@example.org\ncleo@example.org", canary="50%", canary_minutes="15")
    page = client.get(f"/?copy={only_mailing(app).id}").text
    assert [typed(page, name) for name in ("canary", "canary_minutes")] == ["1", ""]


def test_a_copy_brings_columns_and_attachments_along(app: Flask, client: FlaskClient, submit: Submit) -> None:
    submit(
        recipients="",
        recipients_file=(io.BytesIO(b"email,name,colour\nbob@example.org,Bob,red\n"), "guests.csv"),
        attachments=(io.BytesIO(b"%PDF"), "Programme.pdf"),
    )
    page = client.get(f"/?copy={only_mailing(app).id}").text
    kept = {
        name: re.findall(rf'name="{name}" value="([0-9a-f]+)"', page)
        for name in ("kept_recipients_file", "kept_attachments")
    }
    assert submit(recipients="", text="Your colour is {{ colour }}.", **kept).status_code == 303
    with app.extensions["mailroom"].database.read() as connection:
        newest = (
            connection.execute(select(mailings_table.c.id).order_by(mailings_table.c.id.desc()))
            .scalars()
            .first()
        )
        assert newest
        (row,) = deliveries.page(connection, newest)
        assert watching.files_of(connection, newest)[0].data == b"%PDF"
    assert (row.name, row.variables) == ("Bob", {"colour": "red"})


def test_what_is_no_mailing_cannot_be_copied(client: FlaskClient) -> None:
    assert client.get("/?copy=4711").status_code == 404


def test_a_preview_is_locked_into_a_sandbox(client: FlaskClient, csrf: Csrf) -> None:
    form = {"html": "<script>alert(1)</script><b style='color:red'>Hi</b>", "csrf_token": csrf(client)}
    answer = client.post("/preview", data=form)
    assert "sandbox" in answer.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe\x81", b"", b"\xff\xfe\x00", b'"', b"name\nBob\n"]
)
def test_a_file_that_is_no_list_is_refused_in_words(submit: Submit, data: bytes) -> None:
    answer = submit(recipients="", recipients_file=(io.BytesIO(data), "guests.csv"))
    assert answer.status_code == 422


def test_without_the_ledger_nothing_typed_is_lost(app: Flask, submit: Submit) -> None:
    with app.extensions["mailroom"].database.read() as connection:
        # On the one connection there is: every write is refused, as on a disk that became read-only.
        connection.exec_driver_sql("PRAGMA query_only = ON")
    answer = submit()
    assert answer.status_code == 503
    assert typed(answer.text, "text") == LETTER["text"]


@pytest.mark.parametrize("policy", ["resend", "hold", "evidence"])
def test_what_to_do_about_a_doubt_is_chosen(
    app: Flask, client: FlaskClient, submit: Submit, policy: str
) -> None:
    assert "For 15 min: a bounce" in client.get("/").text
    assert submit(if_unknown=policy, subject="").text.count(f'value="{policy}" checked') == 1
    submit(if_unknown=policy)
    with app.extensions["mailroom"].database.read() as connection:
        row = connection.execute(select(mailings_table.c.if_unknown, mailings_table.c.evidence_ms)).one()
    assert tuple(row) == (policy, 900_000 if policy == "evidence" else None)
