from __future__ import annotations

from collections.abc import Iterator

import flask_mail
import pytest
from flask import Flask

from mailroom.content.addresses import Address
from mailroom.content.check import check
from mailroom.content.flask_message import MessageError, from_flask_mail
from mailroom.content.recipients.parsed import Recipient
from tests.content.mail import received


@pytest.fixture(autouse=True)
def app() -> Iterator[None]:
    app = Flask(__name__)
    app.config["MAIL_DEFAULT_SENDER"] = "default@example.com"
    flask_mail.Mail(app)
    with app.app_context():
        yield


def test_every_field_of_it_counts() -> None:
    message = flask_mail.Message(
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
    content, recipients = from_flask_mail(message)

    assert check(content, []) == []
    assert content.sender == Address("john@example.com", "Doe, John")
    assert recipients == [
        Recipient("ann@example.org", "Ann Lee"),
        Recipient("bob@example.org", "Roe, Bob"),
        Recipient("carl@example.org", role="cc"),
        Recipient("dora@xn--exmple-cua.org", role="bcc"),
    ]
    mail = received(content)
    assert mail["To"] == 'Ann Lee <ann@example.org>, "Roe, Bob" <bob@example.org>'
    assert mail["Cc"] == "carl@example.org, ANN@example.org"
    assert mail["Reply-To"] == "reply@example.com" and mail["X-Campaign"] == "spring"
    assert "dora" not in str(mail)
    assert next(mail.iter_attachments()).get_payload(decode=True) == "hällo".encode()


def test_the_default_sender_counts() -> None:
    content, _ = from_flask_mail(flask_mail.Message("s", ["ann@example.org"], "t"))

    assert content.sender == Address("default@example.com")


def test_an_image_shown_in_the_html() -> None:
    logo = flask_mail.Attachment("l.png", "image/png", b"x", "inline", {"Content-ID": "<logo>"})
    content, _ = from_flask_mail(
        flask_mail.Message("s", ["ann@example.org"], html="<img>", attachments=[logo])
    )

    assert content.attachments[0].content_id == "logo"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("recipients", ["a@x.org, b@y.org"]),
        ("recipients", ["jörg@example.org"]),
        ("cc", ["a@x.org\r\nBcc: eve@x.org"]),
        ("bcc", [("n", "a@x.org\r\nX: y")]),
        ("reply_to", "a@x.org\nX: y"),
        ("sender", ("n\r\nBcc: eve@x.org", "a@x.org")),
        ("alts", {"calendar": "BEGIN:VCALENDAR"}),
    ],
)
def test_what_flask_mail_would_let_through_is_refused(field: str, value: object) -> None:
    given = {"subject": "s", "recipients": ["ann@example.org"], "body": "t", field: value}

    with pytest.raises(MessageError) as refusal:
        from_flask_mail(flask_mail.Message(**given))  # type: ignore[arg-type]

    assert [name for name, _ in refusal.value.problems] == [field]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("subject", "s\r\nBcc: eve@x.org", "subject"),
        ("cc", [("n\r\nBcc: eve@x.org", "a@x.org")], "cc"),
        ("extra_headers", {"X": "y\r\nBcc: eve@x.org"}, "headers"),
        ("extra_headers", {"Message-ID": "<mine@x>"}, "headers"),
        ("attachments", [flask_mail.Attachment("a\r\nb", "text/plain", b"")], "attachments"),
        ("attachments", [flask_mail.Attachment("a", "text/plain\r\nX: y", b"")], "attachments"),
    ],
)
def test_line_breaks_elsewhere_are_found_by_check(field: str, value: object, problem: str) -> None:
    given = {"subject": "s", "recipients": ["ann@example.org"], "body": "t", field: value}
    content, _ = from_flask_mail(flask_mail.Message(**given))  # type: ignore[arg-type]

    assert [name for name, _ in check(content, [])] == [problem]
