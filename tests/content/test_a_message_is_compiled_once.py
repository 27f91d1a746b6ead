from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from email.utils import format_datetime

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.content.message.compiled import compile_message
from mailroom.content.message.message_ids import message_id
from tests.content.mail import (
    ANN,
    DATE,
    JOHN,
    UID,
    as_typed,
    assert_fit_for_the_wire,
    body_of,
    parsed,
    received,
)

BOB = Address("bob@example.org", "Bob")
CONTENT = Content(JOHN, "Hello {{ name }} 🎉", text="Hi {{ name }}\n.\nBye", html="<b>{{ name }}</b>")


def test_each_recipient_is_alone_in_to() -> None:
    compiled = compile_message(CONTENT, UID, DATE)
    for number, who in enumerate((ANN, BOB)):
        raw = compiled.render(who, None, message_id(UID, number, "example.com", None))
        assert_fit_for_the_wire(raw)
        message = parsed(raw)
        assert message["To"] == f"{who.name} <{who.address}>"
        assert message["From"] == "John Doe <john@example.com>"
        assert message["Subject"] == f"Hello {who.name} 🎉"
        assert message["Message-ID"] == f"<{UID}.{number}@example.com>"
        assert message["Date"] == "Wed, 04 Mar 2026 05:06:07 +0000"
        assert message["Cc"] is None


def test_the_same_delivery_is_the_same_message_every_time() -> None:
    first, again = (compile_message(CONTENT, UID, DATE).render(ANN, {}, "<1@x>") for _ in range(2))

    assert first == again


def test_a_shared_message_shows_to_and_cc_and_never_bcc() -> None:
    content = Content(JOHN, "{{ as it is }}", text="{% raw", kind="shared", to=(ANN, BOB), cc=(JOHN,))
    compiled = compile_message(content, UID, DATE)
    everybody = {
        compiled.render(who, None, message_id(UID, None, "x.org", None))
        for who in (ANN, BOB, Address("c@x.org"))
    }
    message = parsed(everybody.pop())

    assert not everybody
    assert message["To"] == "Ann Lee <ann@example.org>, Bob <bob@example.org>"
    assert message["Cc"] == "John Doe <john@example.com>"
    assert message["Subject"] == "{{ as it is }}"
    assert message["Message-ID"] == f"<{UID}@x.org>"
    assert body_of(message, "plain") == "{% raw\r\n"


def test_with_bcc_only_to_names_nobody() -> None:
    message = received(Content(JOHN, "s", text="t", kind="shared"))

    assert message["To"] == "undisclosed-recipients:;"


def test_the_structure_is_no_deeper_than_needed() -> None:
    logo = Attachment("logo.png", "image/png", b"\x89PNG", "logo")
    file = Attachment("report.pdf", "application/pdf", b"%PDF")

    def types(**change: object) -> list[str]:
        content = replace(Content(JOHN, "s"), **change)  # type: ignore[arg-type]
        return [part.get_content_type().partition("/")[2] for part in received(content).walk()]

    assert types(text="t") == ["plain"]
    assert types(html="h") == ["html"]
    assert types(text="t", html="h") == ["alternative", "plain", "html"]
    assert types(html="h", attachments=(logo,)) == ["related", "html", "png"]
    assert types(text="t", attachments=(logo,)) == ["mixed", "plain", "png"]
    assert types(text="t", html="h", attachments=(file, logo)) == [
        *("mixed", "alternative", "plain", "related", "html", "png", "pdf"),
    ]


def test_file_names_of_any_script_and_length_arrive() -> None:
    names = [
        "a b.txt",
        'q"uo\\te.txt',
        "Übersicht 2026.pdf",
        "报告.pdf",
        "x" * 200 + ".csv",
        "ö" * 120 + ".csv",
    ]
    attachments = tuple(Attachment(name, "text/csv", name.encode()) for name in names)
    message = received(Content(JOHN, "s", text="t", attachments=attachments))

    assert [part.get_filename() for part in message.iter_attachments()] == names
    assert [part.get_payload(decode=True) for part in message.iter_attachments()] == [
        n.encode() for n in names
    ]


def test_a_mail_as_attachment_stays_one_file() -> None:
    message = received(
        Content(JOHN, "s", text="t", attachments=(Attachment("m.eml", "message/rfc822", b"Subject: x\n"),))
    )
    (part,) = message.iter_attachments()

    assert (part.get_content_type(), part.get_payload(decode=True)) == (
        "application/octet-stream",
        b"Subject: x\n",
    )


def test_headers_are_folded() -> None:
    cc = tuple(Address(f"someone-{number}@example.org", f"Ün{number}, Some One") for number in range(50))
    content = Content(JOHN, "word " * 80, text="t", kind="shared", to=(ANN,), cc=cc)
    raw = compile_message(content, UID, DATE).render(ANN, None, "<1@x>")
    head = raw.partition(b"\r\n\r\n")[0]

    assert max(map(len, head.split(b"\r\n"))) <= 78
    assert [address.addr_spec for address in parsed(raw)["Cc"].addresses] == [
        address.address for address in cc
    ]


def test_a_long_word_of_a_named_header_stays_whole() -> None:
    url = f"<https://example.org/unsubscribe/{'x' * 200}>"
    content = Content(JOHN, "s", text="t", headers=(("List-Unsubscribe", url),))

    assert f"List-Unsubscribe: {url}\r\n".encode() in compile_message(content, UID, DATE).render(
        ANN, None, "<1@x>"
    )


def test_even_unchecked_content_injects_nothing() -> None:
    evil = "x\r\nBcc: eve@example.org\r\n\r\n"
    content = Content(
        Address("john@example.com", evil),
        evil,
        text="t",
        reply_to=(Address("r@example.com", evil),),
        headers=(("X-A", evil),),
        attachments=(Attachment(evil, f"a/b{evil}", b"", evil),),
    )
    message = received(content, Address("ann@example.org", evil), {})

    assert message["Bcc"] is None
    assert message.get_content_type() == "multipart/mixed"


def test_unusual_texts_take_the_shorter_encoding() -> None:
    russian = "Привет, {{ name }}! " * 40
    message = received(Content(JOHN, "s", text=russian))

    assert message["Content-Transfer-Encoding"] == "base64"
    assert body_of(message, "plain") == as_typed(russian.replace("{{ name }}", "Ann Lee"))


def test_five_megabytes_are_no_trouble() -> None:
    line = "Ein längerer Brief mit vielen Wörtern, {{ name }}. " + "x" * 40 + "\n"
    content = Content(JOHN, "s", text=line * 50_000, html="<p>" + "y" * 5_000_000)
    started = time.process_time()
    message = received(content)

    assert body_of(message, "plain").count("Ann Lee") == 50_000
    assert time.process_time() - started < 10  # a second or so; quadratic would be minutes


def test_a_date_keeps_its_zone() -> None:
    zones = [UTC, timezone(timedelta(hours=2)), UTC]
    content = Content(ANN, "Hello", text="Hello.")
    dates = [
        parsed(compile_message(content, UID, DATE.astimezone(zone)).render(ANN, None, "<1@example.org>"))[
            "Date"
        ]
        for zone in zones
    ]
    assert dates == [format_datetime(DATE.astimezone(zone)) for zone in zones]
