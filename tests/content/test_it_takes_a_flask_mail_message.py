from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import flask_mail
import pytest
from flask import Flask

from mailroom.content.whole.fields import Unmailable
from mailroom.content.whole.flask_message import MessageError, handed_in
from mailroom.content.whole.original import read_original


@pytest.fixture(autouse=True)
def app() -> Iterator[None]:
    app = Flask(__name__)
    app.config["MAIL_DEFAULT_SENDER"] = "default@example.com"
    flask_mail.Mail(app)
    with app.app_context():
        yield


def mailed(message: flask_mail.Message) -> EmailMessage:
    """What leaves."""
    handed = handed_in(message, host="shop.internal")
    original = read_original(
        handed.message, envelope_sender=handed.sender, uid="", date=datetime.now(UTC), trace=""
    )
    assert (
        b"".join(original.pieces).isascii() and max(map(len, b"".join(original.pieces).split(b"\r\n"))) <= 998
    )
    found = message_from_bytes(b"".join(original.pieces), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def message(**given: Any) -> flask_mail.Message:
    return flask_mail.Message(**({"subject": "s", "recipients": ["ann@example.org"], "body": "t"} | given))


def test_every_field_of_it_counts() -> None:
    given = flask_mail.Message(
        "Grüße",
        recipients=["Ann Lee <ann@example.org>", ("Roe, Bob", "bob@example.org")],
        body="t",
        html="<p>h</p>",
        sender=("Doe, John", "john@example.com"),
        cc=["carl@example.org", "ANN@example.org"],
        bcc=["dora@exämple.org"],
        reply_to="reply@example.com",
        extra_headers={"X-Campaign": "spring"},
        attachments=[flask_mail.Attachment("a.txt", "text/plain", "hällo")],
    )
    handed = handed_in(given)

    assert handed.sender == "john@example.com"
    people = ["ann@example.org", "bob@example.org", "carl@example.org", "dora@xn--exmple-cua.org"]
    assert handed.recipients == people
    mail = mailed(given)
    assert mail["From"] == '"Doe, John" <john@example.com>' and mail["Subject"] == "Grüße"
    assert mail["To"] == 'Ann Lee <ann@example.org>, "Roe, Bob" <bob@example.org>'
    assert mail["Cc"] == "carl@example.org, ANN@example.org"
    assert mail["Reply-To"] == "reply@example.com" and mail["X-Campaign"] == "spring"
    assert "dora" not in str(mail)
    assert next(mail.iter_attachments()).get_payload(decode=True) == "hällo".encode()


def test_the_default_sender_counts() -> None:
    assert handed_in(message()).sender == "default@example.com"


def test_an_image_shown_in_the_html() -> None:
    logo = flask_mail.Attachment("l.png", "image/png", b"x", "inline", {"Content-ID": "<logo>"})
    (shown,) = mailed(message(html="<img>", attachments=[logo])).iter_attachments()

    assert shown["Content-ID"] == "<logo>" and shown.get_content_disposition() == "inline"


def test_an_id_that_shows_this_host_gets_the_sender_s_domain_and_any_other_is_kept() -> None:
    shows, own = message(), message()
    shows.msgId, own.msgId = "<1.2.3@shop.internal>", "<order-7@shop.example>"

    assert mailed(shows)["Message-ID"] == shows.msgId == "<1.2.3@example.com>"
    assert mailed(own)["Message-ID"] == own.msgId == "<order-7@shop.example>"


class Late:
    """What a translating library fills in when it is written."""

    def __str__(self) -> str:
        return "Später"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"body": "Olá".encode()}, "Olá"),
        ({"body": "Olá".encode("latin-1"), "charset": "latin-1"}, "Olá"),
        ({"body": "Olá".encode("latin-1")}, "Ol\ufffd"),
        ({"body": "Olá 中", "charset": "latin-1"}, "Olá 中"),
        ({"body": "Olá", "charset": "no-such-charset"}, "Olá"),
        ({"body": "Olá".encode(), "charset": "no-such-charset"}, "Olá"),
        ({"body": "Olá", "charset": "rot13"}, "Olá"),
        ({"body": "Olá", "charset": "utf-8\r\nBcc: eve@x.org"}, "Olá"),
        ({"body": "Olá", "charset": "utf-16"}, "Olá"),
        ({"body": Late()}, "Später"),
    ],
)
def test_a_body_is_text_whatever_it_is_made_of(given: dict[str, Any], text: str) -> None:
    assert mailed(message(**given)).get_content().rstrip() == text
    html = mailed(message(**given, html=given["body"])).get_body(("html",))
    assert html is not None and html.get_content().rstrip() == text


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Reply-To", "Ann Ü <ann@example.org>", "Ann Ü <ann@example.org>"),
        ("Sender", "robot@example.com", "robot@example.com"),
        ("X-Shop", "Läden", "Läden"),
        ("References", "<a@x.org>\r\n <b@x.org>", "<a@x.org> <b@x.org>"),
        ("List-Unsubscribe", f"<https://x.org/{'u' * 900}>", f"<https://x.org/{'u' * 900}>"),
    ],
)
def test_extra_headers_are_taken(name: str, value: str, shown: str) -> None:
    assert mailed(message(extra_headers={name: value}))[name] == shown


@pytest.mark.parametrize(
    ("kind", "octets"),
    [
        ("text/plain", "Läden 中".encode()),
        ("text/csv; charset=gb18030", "Läden 中".encode("gb18030")),
        ('text/csv; charset="latin-1"', "Läden 中".encode()),
        ("text/csv; charset=none-such", "Läden 中".encode()),
    ],
)
def test_text_in_a_file_is_what_its_type_says_or_utf_8(kind: str, octets: bytes) -> None:
    (part,) = mailed(message(attachments=[flask_mail.Attachment("a", kind, "Läden 中")])).iter_attachments()
    assert part.get_payload(decode=True) == octets


def test_headers_of_an_attachment_are_taken_in_any_script() -> None:
    file = flask_mail.Attachment("a.txt", "text/plain", b"x", headers={"Content-Description": "Läden"})
    (part,) = mailed(message(attachments=[file])).iter_attachments()
    assert part["Content-Description"] == "Läden"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("recipients", ["a@x.org, b@y.org"]),
        ("recipients", ["jörg@example.org"]),
        ("cc", ["a@x.org\r\nBcc: eve@x.org"]),
        ("bcc", [("n", "a@x.org\r\nX: y")]),
        ("reply_to", "a@x.org\nX: y"),
        ("sender", ("n\r\nBcc: eve@x.org", "a@x.org")),
        ("envelope_from", "a@x.org\r\nRCPT TO:<eve@x.org>"),
    ],
)
def test_what_flask_mail_would_let_through_is_refused(field: str, value: Any) -> None:
    envelope_from = value if field == "envelope_from" else None
    with pytest.raises(MessageError) as refusal:
        handed_in(message(**({} if envelope_from else {field: value})), envelope_from)

    assert [name for name, _ in refusal.value.problems] == [field]


BREAK = "y\r\nBcc: eve@x.org"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("subject", "s\r\nBcc: eve@x.org", "subject"),
        ("subject", "s\r\n \r\nBcc: eve@x.org", "subject"),
        ("cc", [("n\r\nBcc: eve@x.org", "a@x.org")], "cc"),
        ("extra_headers", {"X": BREAK}, "headers"),
        ("extra_headers", {"X": "y\nBcc: eve@x.org"}, "headers"),
        ("extra_headers", {"X\r\nBcc": "eve@x.org"}, "headers"),
        ("extra_headers", {"Message-ID": "<mine@x>"}, "headers"),
        ("extra_headers", {"to": "eve@x.org"}, "headers"),
        ("extra_headers", {"Bcc": "eve@x.org"}, "headers"),
        ("extra_headers", {"From": "eve@x.org"}, "headers"),
        ("extra_headers", {"Content-Type": "text/html"}, "headers"),
        ("extra_headers", {"MIME-Version": "1.0"}, "headers"),
        ("attachments", [flask_mail.Attachment("a\r\nb", "text/plain", b"")], "attachments"),
        ("attachments", [flask_mail.Attachment("a", "text/plain\r\nX: y", b"")], "attachments"),
        ("attachments", [flask_mail.Attachment("a", "text", b"")], "attachments"),
        ("attachments", [flask_mail.Attachment("a", "a/b", b"", f"inline{BREAK}")], "parts"),
        ("attachments", [flask_mail.Attachment("a", "a/b", b"", headers={"X": BREAK})], "parts"),
        ("attachments", [flask_mail.Attachment("a", "a/b", b"", headers={BREAK: "x"})], "parts"),
        ("alts", {f"calendar{BREAK}": "x"}, "parts"),
        ("body", "half of \ud83d", "text"),
    ],
)
def test_line_breaks_elsewhere_are_found(field: str, value: Any, problem: str) -> None:
    with pytest.raises(MessageError) as refusal:
        handed_in(message(**{field: value}))

    assert [name for name, _ in refusal.value.problems] == [problem]


def test_two_of_one_header_are_refused() -> None:
    with pytest.raises(Unmailable, match="more than one Sender"):
        mailed(message(extra_headers={"Sender": "a@x.org", "sender": "b@x.org"}))
