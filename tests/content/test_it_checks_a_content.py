from __future__ import annotations

from dataclasses import replace

import pytest

from mailroom.content.addresses import Address
from mailroom.content.message import Attachment, Content, check
from tests.content.mail import JOHN

FINE = Content(JOHN, "Hello {{ first_name }}", text="Hi {{ name }}", html="<p>{{ email }}</p>")


def test_a_good_one_has_no_problems() -> None:
    assert check(FINE, ["first_name"]) == []


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"subject": " "}, "subject", "Write a subject"),
        ({"subject": "a\r\nBcc: eve@x.org"}, "subject", "line break"),
        ({"subject": "a\ud800"}, "subject", "Unicode"),
        ({"text": "", "html": " "}, "text", "Write a text"),
        ({"text": "\udfff"}, "text", "Unicode"),
        ({"sender": Address("j@x.org", "a\nb")}, "sender", "line break"),
        ({"reply_to": (Address("j@x.org", "a\rb"),)}, "reply_to", "line break"),
        ({"kind": "shared", "cc": (Address("j@x.org", "a\nb"),)}, "cc", "line break"),
        ({"text": "{{ frist_name }}"}, "text", "{{ frist_name }}"),
        ({"html": "{% if plan == 'gold' %}x{% endif %}"}, "html", "{{ plan }}"),
        ({"subject": "{{ first_name | shout }}"}, "subject", "no filter called shout"),
        ({"text": "a\n{% if first_name %}x"}, "text", "cannot be read"),
        ({"text": "{{ first_name"}, "text", "cannot be read"),
        ({"text": "{% include 'x' %}"}, "text", "include"),
        ({"text": "{{ first_name.__class__ }}"}, "text", "first_name.__class__"),
        ({"headers": (("Bcc", "x@x.org"),)}, "headers", "Bcc"),
        ({"headers": (("message-id", "<x>"),)}, "headers", "message-id"),
        ({"headers": (("Content-Type", "x"),)}, "headers", "Content-Type"),
        ({"headers": (("X Y", "x"),)}, "headers", "X Y"),
        ({"headers": (("X-Y", "x\r\nBcc: e@x.org"),)}, "headers", "line break"),
        ({"attachments": (Attachment("a\nb", "text/csv", b""),)}, "attachments", "line break"),
        ({"attachments": (Attachment("a", "text", b""),)}, "attachments", "content type"),
        ({"attachments": (Attachment("a", "a/b\r\nX: y", b""),)}, "attachments", "content type"),
        ({"attachments": (Attachment("a", "a/b", b"", "<x>\r\nX: y"),)}, "attachments", "content id"),
    ],
)
def test_each_problem_is_named_at_its_field(change: dict[str, object], field: str, words: str) -> None:
    found = check(replace(FINE, **change), ["first_name"])  # type: ignore[arg-type]

    assert [name for name, _ in found] == [field]
    assert words in found[0][1]


def test_tags_mean_nothing_in_a_shared_message() -> None:
    assert check(replace(FINE, kind="shared", text="{{ anything {% at all"), []) == []
