"""Stencil: what it fills is what rendering makes, octet for octet, and needs nothing more for the wire."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.content.merge.plain import MergeError
from mailroom.content.message.compiled import Compiled, compile_message
from mailroom.content.recipients.parsed import Recipient
from mailroom.smtp.envelope import Envelope, ReadyLines, stuffed, unsendable

UID = "f1e269a5-2a78-47f2-be90-72086964ed7b"
MESSAGE_ID = f"<{UID}.7@mail.example>"
WORDS = [
    "Hello ",
    "{{ a }}",
    "{{ b }}",
    "{{ email }}",
    "A0b",
    "A1b",
    ".",
    "\r\n",
    "\n",
    " ",
    "=",
    "é",
    "<p>",
    "x" * 60,
]
VALUES = [
    "Ann",
    "Ann Lee",
    "O'Brien",
    "",
    " ",
    ".",
    "a.",
    ".a",
    "é",
    "x" * 30,
    "x" * 80,
    "a@b.example",
    "<b>",
    "1\n2",
]


def compiled(subject: str = "News", text: str = "", html: str = "", **fields: object) -> Compiled:
    content = Content(Address("post@mail.example"), subject, text=text, html=html, **fields)  # type: ignore[arg-type]
    return compile_message(content, UID, datetime(2026, 1, 2, tzinfo=UTC))


def both(message: Compiled, **values: object) -> tuple[bytes | None, bytes]:
    person = Recipient("ann@mail.example", variables=values)  # type: ignore[arg-type]
    return (
        message.fill(person, person.variables, MESSAGE_ID),
        message.render(person, person.variables, MESSAGE_ID),
    )


def test_a_usual_letter_is_filled() -> None:
    message = compiled("News for {{ a }}", "Hello {{ a }},\nsee you in {{ b }}!\n", "<p>Hello {{ a }}</p>\n")
    filled, rendered = both(message, a="Ann", b="New York")
    assert filled == rendered
    assert b"see you in New York!" in rendered


@pytest.mark.parametrize("value", ["", " Ann", "Ann.", "O'Brien & Sons", "Jürgen", "x" * 70, "a\nb", 7, None])
def test_a_value_that_does_not_go_in_as_it_is_is_rendered(value: object) -> None:
    filled, rendered = both(compiled(text="Hello {{ a }}\n"), a=value)
    assert filled is None
    assert rendered


def test_a_tag_without_a_value_of_its_own_is_rendered() -> None:
    assert both(compiled(text="Hello {{ a }}\n"))[0] is None


@pytest.mark.parametrize(
    "message",
    [
        compiled(text=".{{ a }}\n"),
        compiled(text="Hello {{ a }}\n.\n.signature\n"),
        compiled(text="x" * 200 + "{{ a }}\n"),
        compiled(text="x" * 70 + "{{ a }}\n"),
        compiled(text="é" * 20 + "{{ a }}\n"),
        compiled("Übung {{ a }}", "Hello"),
        compiled("w" * 40 + " {{ a }} " + "v" * 40, "Hello"),
        compiled(text="{% if a %}Hello{% endif %}\n"),
        compiled(text="Hello {{ unsubscribe_url }}", purpose="bulk"),
        compiled(text="Hello {{ a }}", headers=[("X-Name", "{{ a }}")]),
        compiled(text="Hello {{ a }}", attachments=[Attachment("f.bin", "application/pdf", bytes(70_000))]),
    ],
)
def test_what_depends_on_more_than_the_values_is_rendered(message: Compiled) -> None:
    assert both(message, a="Ann", unsubscribe_url="Ann")[0] is None


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), max_size=6),
    st.lists(st.sampled_from(WORDS), max_size=14),
    st.lists(st.sampled_from(WORDS), max_size=8),
    st.sampled_from(VALUES),
    st.sampled_from(VALUES),
)
def test_what_is_filled_is_what_is_rendered(
    subject: list[str], text: list[str], html: list[str], a: str, b: str
) -> None:
    message = compiled("".join(subject).replace("\r", "").replace("\n", ""), "".join(text), "".join(html))
    try:
        filled, rendered = both(message, a=a, b=b)
    except MergeError:
        return
    if filled is None:
        return
    assert filled == rendered
    assert unsendable(Envelope("a@x.org", "b@x.org", rendered), 0) is None
    assert stuffed(ReadyLines(filled)) == stuffed(rendered)
