"""Merge tags in a mailing's own headers: what a value brings in stays within its header, or is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mailroom.content.addresses import Address
from mailroom.content.check import MOST_FILLED_HEADERS, check
from mailroom.content.content import Content
from mailroom.content.merge.plain import MergeError
from mailroom.content.message.compiled import compile_message
from mailroom.content.message.custom_headers import MOST_PERSONAL, custom_header
from mailroom.content.recipients.parsed import Recipient
from tests.content.mail import ANN, DATE, JOHN, UID, assert_fit_for_the_wire, received, rendered

UNSUBSCRIBE = "<https://example.org/u/{{ token }}>, <mailto:u+{{ token }}@example.org>"


def mailing(name: str, value: str) -> Content:
    return Content(JOHN, "Hi", text="t", headers=((name, value),))


def header(name: str, source: str, **values: str) -> str | None:
    found = received(mailing(name, source), variables=values)[name]
    return None if found is None else str(found)


def problems(content: Content, values: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    values = values or {}
    return check(content, list(values), [Recipient(ANN.address, ANN.name, dict(values))])


def test_each_recipient_gets_their_own() -> None:
    compiled = compile_message(mailing("List-Unsubscribe", UNSUBSCRIBE), UID, DATE)
    for token in ("a1", "b2"):
        raw = compiled.render(ANN, {"token": token}, "<1@x>")
        assert_fit_for_the_wire(raw)
        assert (
            f"List-Unsubscribe: <https://example.org/u/{token}>, <mailto:u+{token}@example.org>".encode()
            in raw.replace(b"\r\n ", b" ")
        )


def test_liquid_works_there_too() -> None:
    assert (
        header("X-Plan", "{% if plan == 'x y' %}gold{% else %}{{ plan | upcase }}{% endif %}", plan="x")
        == "X"
    )
    url = header(
        "List-Unsubscribe", "<https://x.org/?e={{ email | url_encode }}&n={{ n | url_encode }}>", n="ü >"
    )
    assert url == "<https://x.org/?e=ann%40example.org&n=%C3%BC+%3E>"


def test_a_tag_that_nobody_has_a_value_for_is_refused_at_the_field() -> None:
    ((field, words),) = problems(mailing("List-Unsubscribe", UNSUBSCRIBE))
    assert field == "headers" and "{{ token }}" in words
    ((field, words),) = problems(mailing("X-A", "{{ a"))
    assert field == "headers" and "cannot be read" in words
    assert problems(mailing("List-Unsubscribe", UNSUBSCRIBE), {"token": "1"}) == []


@pytest.mark.parametrize("name", ["X-Note", "List-Unsubscribe", "References", "Errors-To"])
@pytest.mark.parametrize(
    "evil",
    [
        *(
            "x\r\nBcc: eve@example.org",
            "x\nBcc: e@x.org",
            "x\rBcc: e@x.org",
            "\r\n\r\nbody",
            "a\0b",
            "a\x85b",
        ),
        *("a\u2028b", "a\u202eb", "a\u2066b", "a\x1bb", "a\u200bb", "=?utf-8?q?=0D=0ABcc:_e@x.org?="),
    ],
)
def test_nothing_comes_out_of_a_value_but_its_own_words(name: str, evil: str) -> None:
    for source in ("<{{ v }}>", "{{ v }}", "{{ v | append: '' }}", "{{ u | url_decode }}"):
        content = mailing(name, source)
        try:
            message = received(content, variables={"v": evil, "u": "%0d%0aBcc:e@x.org%E2%80%AE"})
        except MergeError as refusal:
            assert f"The header {name} " in str(refusal)
            assert not any(unseen in str(refusal) for unseen in "\r\n\0\u202e")
            continue
        assert message["Bcc"] is None and message.get_content_type() == "text/plain"
        assert not any(unseen in str(message[name]) for unseen in "\u202e\u2066\x1b\u200b")


def test_the_subject_keeps_to_the_same() -> None:
    with pytest.raises(MergeError, match=r"The subject holds U\+202E"):
        rendered(Content(JOHN, "{{ v | url_decode }}", text="t"), variables={"v": "a%E2%80%AEb"})


@pytest.mark.parametrize(
    ("name", "source", "value", "words"),
    [
        ("List-Unsubscribe", "<https://x.org/{{ v }}>", "jörg", "can hold ASCII only, and not “ö”"),
        ("List-Unsubscribe", "<https://x.org/{{ v }}>", "a>, <https://evil.example/", "angle bracket"),
        ("List-Unsubscribe", "<https://x.org/{{ v }}>", "a b", "blank"),
        ("List-Unsubscribe", "<https://x.org/{{ v }}>", "a" * 950, "more than 900 characters"),
        ("References", "<{{ v }}@x.org>", "a@y> <b", "angle bracket"),
        ("In-Reply-To", "<{{ v }}@x.org>", "é", "ASCII"),
        ("Errors-To", "{{ v }}", "a@x.org, eve@x.org", "one address"),
        ("Errors-To", "{{ v }} <a@x.org>", "eve@x.org,", "header Errors-To"),
        ("Errors-To", "b+{{ v }}@x.org", "no address", "cannot be read"),
        ("X-Long", "{{ v }}", "a" * (MOST_PERSONAL + 1), "10,000"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(name: str, source: str, value: str, words: str) -> None:
    with pytest.raises(MergeError, match=words):
        rendered(mailing(name, source), variables={"v": value})
    ((field, told),) = problems(mailing(name, source), {"v": value})
    assert field == "headers" and ANN.address in told and words in told


def test_free_words_of_any_script_and_length_arrive() -> None:
    for value in ("Grüße 👋", "Иван " * 100, "x" * 3000, "a  b " * 400, "=?utf-8?q?x?=", "ü" * 2000):
        assert header("X-Note", "for {{ v }}.", v=value) == f"for {value}."


def test_a_name_in_another_script_is_encoded_in_an_address_field() -> None:
    raw = rendered(mailing("Errors-To", "{{ name }} <{{ email }}>"), Address("j@example.org", "Jörg Ü"))
    assert b"Errors-To: =?utf-8?b?SsO2cmcgw5w=?= <j@example.org>\r\n" in raw


def test_a_header_that_stays_empty_is_left_out() -> None:
    assert header("X-Note", "{{ v }}", v="") is None
    assert header("X-Note", "{% if v == 'x' %}y{% endif %}", v="") is None


def test_a_structured_header_in_another_script_is_refused_without_tags_too() -> None:
    ((field, words),) = problems(mailing("List-Unsubscribe", "<https://example.org/ü>"))
    assert field == "headers" and "ASCII only" in words
    ((field, words),) = check(
        Content(JOHN, "s", text="t", kind="shared", headers=(("References", "<" + "x" * 1000 + ">"),)), []
    )
    assert field == "headers" and "900" in words


def test_tags_where_none_are_filled_are_refused() -> None:
    tagged = Address("john@example.com", "{{ company }}")
    for field, content in {
        "sender": Content(tagged, "s", text="t"),
        "reply_to": Content(JOHN, "s", text="t", reply_to=(tagged,)),
        "headers": Content(JOHN, "s", text="t", headers=(("X-{{company}}", "y"),)),
    }.items():
        ((found, words),) = problems(content)
        assert found == field and "not filled" in words


def test_few_headers_are_made_anew_for_each_mail() -> None:
    headers = tuple((f"X-{number}", "{{ name }}") for number in range(MOST_FILLED_HEADERS + 1))
    ((field, words),) = problems(Content(JOHN, "s", text="t", headers=headers))
    assert field == "headers" and "merge tags" in words
    assert problems(Content(JOHN, "s", text="t", headers=headers[1:])) == []


def test_a_shared_message_says_what_stands_there() -> None:
    content = Content(JOHN, "s", text="t", kind="shared", headers=(("X-Note", "{{ token }}"),))
    assert check(content, []) == []
    assert received(content)["X-Note"] == "{{ token }}"


def test_a_header_without_tags_is_laid_out_once_for_all() -> None:
    assert custom_header("X-A", "b", personal=True) == b"X-A: b\r\n"
    assert custom_header("X-A", "{{ b }}", personal=False) == b"X-A: {{ b }}\r\n"
    assert not isinstance(custom_header("X-A", "{{ b }}", personal=True), bytes)
