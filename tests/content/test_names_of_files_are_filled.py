from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from mailroom.content.addresses import Address
from mailroom.content.check import check
from mailroom.content.content import Attachment, Content
from mailroom.content.merge.plain import MergeError
from mailroom.content.message.compiled import compile_message
from mailroom.content.message.file_names import MOST_FILLED_NAMES
from mailroom.content.recipients.parsed import Recipient

DATE = datetime(2026, 11, 29, tzinfo=UTC)


def letter(*names: str, **more: object) -> Content:
    files = tuple(Attachment(name, "application/pdf", b"%PDF") for name in names)
    return Content(Address("shop@example.org"), "Hi", "Hello", attachments=files, **more)  # type: ignore[arg-type]


def mailed(name: str, **values: str) -> EmailMessage:
    raw = compile_message(letter(name), "uid", DATE).render(
        Recipient("ann@example.org", "Ann"), values, "<1@example.org>"
    )
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def named(name: str, **values: str) -> str | None:
    (file,) = mailed(name, **values).iter_attachments()
    assert file.get_content() == b"%PDF", "the file is the same for everybody"
    return file.get_filename()


def test_each_recipient_s_file_has_its_own_name() -> None:
    assert named("Invoice {{ number }} for {{ name }}.pdf", number="A-7") == "Invoice A-7 for Ann.pdf"
    assert named("{{ who | upcase }}.pdf", who="jürgen 😀") == "JÜRGEN 😀.pdf"
    assert named("{{ who }}.pdf", who="x" * 200) == "x" * 200 + ".pdf"
    assert named("plain.pdf") == "plain.pdf"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("../../etc/passwd", ".._.._etc_passwd.pdf"),
        ("C:\\Windows\\x", "C__Windows_x.pdf"),
        ('a"; filename="evil.exe', "a_; filename=_evil.exe.pdf"),
        ("a\r\nX-Evil: yes", "a X-Evil_ yes.pdf"),
        ("a\r\n\r\n<html>", "a _html_.pdf"),
        ("a\x00b\x1bc", "a b c.pdf"),
        ("=?utf-8?B?QQ==?=", "=_utf-8_B_QQ==_=.pdf"),
        ("  a  b ", "a b .pdf"),
        ("", ".pdf"),
    ],
)
def test_a_value_adds_no_header_and_leads_nowhere(value: str, name: str) -> None:
    message = mailed("{{ value }}.pdf", value=value)
    (file,) = message.iter_attachments()
    assert file.get_filename() == name
    assert "X-Evil" not in message and "X-Evil" not in file and len(file.keys()) == 3


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("{{ value }}", "", "is empty for this recipient"),
        ("{{ value }}", "../..", "is empty for this recipient"),
        ("{{ value }}.pdf", "x" * 252, "has 256 characters for this recipient, and 255 is the most"),
        ("{{ value }}.pdf", "invoice\u202efdp.exe", "RIGHT-TO-LEFT OVERRIDE"),
        ("{{ value }}.pdf", "a\u200bb", "ZERO WIDTH SPACE"),
    ],
)
def test_what_can_be_no_name_fails_that_recipient(name: str, value: str, told: str) -> None:
    with pytest.raises(MergeError, match=told):
        mailed(name, value=value)
    people = [Recipient("ann@example.org", "", {"value": value})]
    ((field, sentence),) = check(letter(name), ["value"], people)
    assert field == "attachments" and told in sentence and "Tried for ann@example.org" in sentence


def test_it_is_checked_as_all_other_tags_are() -> None:
    assert check(letter("{{ nope }}.pdf"), ["number"])[0] == (
        "attachments",
        "No recipient has a value for {{ nope }}. There are: email, name, number.",
    )
    assert "cannot be read" in check(letter("{% if %}.pdf"), [])[0][1]
    many = letter(*["{{ name }}.pdf"] * (MOST_FILLED_NAMES + 1))
    assert check(many, []) == [("attachments", "At most 10 files can have merge tags in their names.")]
    assert check(letter("{{ x }}.pdf", kind="shared", to=(Address("a@example.org"),)), []) == []
