from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailroom.content.addresses import Address
from mailroom.content.check import check
from mailroom.content.content import Attachment, Content
from mailroom.content.recipients.parsed import Recipient
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
        ({"attachments": (Attachment("a", f"a/{'b' * 199}", b""),)}, "attachments", "content type"),
        ({"attachments": (Attachment("a", "a/b", b"", "<x>\r\nX: y"),)}, "attachments", "content id"),
    ],
)
def test_each_problem_is_named_at_its_field(change: dict[str, object], field: str, words: str) -> None:
    found = check(replace(FINE, **change), ["first_name"])  # type: ignore[arg-type]

    assert [name for name, _ in found] == [field]
    assert words in found[0][1]


BOMB = "{% for a in (1..1000) %}{% for b in (1..1000) %}x{% endfor %}{% endfor %}"
PEOPLE = [Recipient(f"p{number}@x.org", variables={"n": str(number)}) for number in range(200)]


@pytest.mark.parametrize("field", ["subject", "text", "html"])
def test_a_loop_that_never_ends_is_refused_at_its_field(field: str) -> None:
    changed: Any = {"subject": "Hi", field: BOMB}
    content = replace(FINE, **changed)
    (finding,) = check(content, ["n"], PEOPLE)
    assert finding == (
        field,
        "Tried for p0@x.org. The merge tags do not work for this recipient: "
        "its loops run more than 10,000 times in all (line 1).",
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ n | divided_by: 0 }}", "p0@x.org"),
        ("{{ 1 | divided_by: n }}", "p0@x.org"),
        ("{% for i in (100..n) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}", "p110@x.org"),
        ("{% assign s = 'ab' %}{% for i in (1..30) %}{% assign s = s | append: s %}{% endfor %}", "256 kB"),
    ],
)
def test_what_does_not_work_for_some_is_found_by_trying(source: str, words: str) -> None:
    (finding,) = check(replace(FINE, subject="Hi", text=source), ["n"], PEOPLE)
    assert finding[0] == "text" and words in finding[1]


def test_what_works_for_all_is_accepted() -> None:
    source = "{% for i in (1..n) %}{{ name | default: email }}{% endfor %}"
    assert check(replace(FINE, subject="Hi", text=source), ["n"], PEOPLE) == []


def test_tags_mean_nothing_in_a_shared_message() -> None:
    assert check(replace(FINE, kind="shared", text="{{ anything {% at all"), []) == []
