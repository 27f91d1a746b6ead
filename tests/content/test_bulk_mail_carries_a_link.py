"""Bulk mail carries a link to unsubscribe, one for each delivery: in its header, and where its tag stands."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.content.addresses import Address
from mailroom.content.check import check
from mailroom.content.content import Content
from mailroom.content.links.link_tokens import LinkKey, opened
from mailroom.content.links.return_tokens import ReturnAddress, ReturnKey, ReturnPaths, ReturnPurpose
from mailroom.content.links.unsubscribe import (
    LinkPlace,
    UnsubscribeLinks,
    lacks_link,
    linked_to,
    purposed,
    uses_link,
)
from mailroom.content.message.compiled import compile_message
from mailroom.content.recipients.parsed import Recipient
from tests.content.mail import DATE, UID

NEWS = Content(Address("News@acme.example", "Acme"), "News", text="Hello.\n", purpose="bulk")
KEY = LinkKey(1, b"k" * 32)
RETURN_KEY = ReturnKey(1, b"k" * 32)
PLACE = LinkPlace("https://news.acme.example")


def mailed(content: Content, to: str = "Ann@mail.example", place: LinkPlace = PLACE) -> tuple[bytes, str]:
    returns = ReturnPaths(RETURN_KEY, place.bounces) if place.bounces else None
    link = UnsubscribeLinks(KEY, place, content, returns).of(7, to)
    compiled = compile_message(content, UID, DATE)
    return compiled.render(Address(to), None, "<1@acme.example>", None, link), link.url


def test_in_the_two_fields_of_rfc_8058() -> None:
    raw, url = mailed(NEWS, place=LinkPlace("https://news.acme.example", ReturnAddress("off@acme.example")))
    message = message_from_bytes(raw, policy=policy.default)
    token = url.rpartition("/")[2]
    sealed = RETURN_KEY.seal(ReturnPurpose.UNSUBSCRIBE, 7, "ann@mail.example")
    by_mail = f"<mailto:off+{sealed}@acme.example?subject=unsubscribe%20{token}>"
    assert message.get_all("List-Unsubscribe") == [f"<{url}>, {by_mail}"]
    assert message.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert max(map(len, raw.split(b"\r\n"))) < 998
    only_https, url = mailed(NEWS)
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in only_https


def test_one_that_the_sender_set_is_the_only_one() -> None:
    own = replace(NEWS, headers=(("list-unsubscribe", "<https://acme.example/off>"),))
    message = message_from_bytes(mailed(own)[0])
    assert message.get_all("List-Unsubscribe") == ["<https://acme.example/off>"]
    assert message.get_all("List-Unsubscribe-Post") is None, "theirs may not be one of RFC 8058"
    post = replace(NEWS, headers=(("LIST-Unsubscribe-Post", "List-Unsubscribe=One-Click"),))
    message = message_from_bytes(mailed(post)[0])
    assert len(message.get_all("List-Unsubscribe-Post") or []) == 1
    assert len(message.get_all("List-Unsubscribe") or []) == 1


def test_the_header_of_the_sender_may_hold_the_link() -> None:
    own = replace(NEWS, headers=(("List-Unsubscribe", "<{{ unsubscribe_url }}>"),))
    assert check(own, []) == []
    raw, url = mailed(own)
    assert message_from_bytes(raw).get_all("List-Unsubscribe") == [f"<{url}>"]


@pytest.mark.parametrize("kind", ["individual", "shared"])
def test_where_the_tag_stands(kind: str) -> None:
    content = replace(
        NEWS,
        kind=kind,
        to=(Address("ann@mail.example"),),
        text="Off: {{ unsubscribe_url }}\n",
        html='<p><a href="{{unsubscribe_url}}">Off</a></p>',
    )
    raw, url = mailed(content)
    message = message_from_bytes(raw, policy=policy.default)
    bodies = [part.get_content() for part in message.walk() if not part.is_multipart()]
    assert f"Off: {url}" in bodies[0] and f'<a href="{url}">' in bodies[1]
    assert "{{" not in "".join(bodies)


def test_of_a_shared_message_no_other_tag_is_touched() -> None:
    content = replace(NEWS, kind="shared", text="{{ name }} {% if x %} {{ unsubscribe_url }}")
    raw, url = mailed(content)
    body = message_from_bytes(raw, policy=policy.default).get_content()
    assert body.split() == f"{{{{ name }}}} {{% if x %}} {url}".split()


def test_a_value_of_the_sender_s_own_stays() -> None:
    content = replace(NEWS, text="{{ unsubscribe_url }}")
    link = UnsubscribeLinks(KEY, PLACE, content).of(7, "ann@mail.example")
    own = {"unsubscribe_url": "https://acme.example/off?of=ann"}
    raw = compile_message(content, UID, DATE).render(Address("a@b.example"), own, "<1@x>", None, link)
    assert b"https://acme.example/off?of=3Dann" in raw or b"https://acme.example/off?of=ann" in raw
    empty = compile_message(content, UID, DATE).render(
        Address("a@b.example"), {"unsubscribe_url": ""}, "<1@x>", None, link
    )
    assert empty.replace(b"=\r\n", b"").endswith(f"{link.url}\r\n".encode()), "but not where it is empty"


def test_a_link_tells_nothing_of_its_person_and_differs_for_each_delivery() -> None:
    links = UnsubscribeLinks(KEY, PLACE, replace(NEWS, list_name="digest"))
    one, other = (links.of(number, "ann.lee@mail.example").url for number in (7, 8))
    shared = sum(a == b for a, b in zip(one[40:], other[40:], strict=True))
    assert one != other and shared < len(one[40:]) / 4, "the next one cannot be guessed from it"
    assert len(links.of(7, "bo@mail.example").url) == len(one), "nor the length of an address"
    assert "ann" not in one and "digest" not in one
    assert links.of(7, "ann.lee@mail.example").url == one, "the same whenever it is sent"


def test_it_says_whose_it_is_to_who_has_the_key() -> None:
    token = UnsubscribeLinks(KEY, PLACE, replace(NEWS, list_name="digest")).of(7, "Ann@mail.example").url
    token = token.rpartition("/")[2]
    assert linked_to(opened(token, {1: KEY}.get)) == (7, "ann@mail.example", "news@acme.example", "digest")
    other = LinkKey(1, b"o" * 32)
    assert opened(token, {1: other}.get) is None and opened(token, lambda _: None) is None


@given(st.integers(0, 200), st.integers(1, 255))
def test_one_bit_less_and_it_is_none(place: int, flip: int) -> None:
    token = UnsubscribeLinks(KEY, PLACE, NEWS).of(7, "ann@mail.example").url.rpartition("/")[2]
    at = place % len(token)
    damaged = token[:at] + chr(ord(token[at]) ^ flip) + token[at + 1 :]
    assert opened(damaged, {1: KEY}.get) is None or linked_to(opened(damaged, {1: KEY}.get)) == linked_to(
        opened(token, {1: KEY}.get)
    ), "but for what Base64 leaves over in its last character"
    assert opened(token[:at], {1: KEY}.get) is None


@given(st.text(max_size=2_000) | st.binary(max_size=300).map(lambda data: data.decode("latin-1")))
def test_anything_else_is_none(token: str) -> None:
    assert opened(token, dict.fromkeys(range(256), KEY).get) is None


def test_bulk_by_size_by_list_and_by_link() -> None:
    plain = replace(NEWS, purpose="transactional")
    assert not purposed(plain, None, 99).is_bulk and purposed(plain, None, 100).is_bulk
    assert purposed(replace(plain, list_name="digest"), None, 1).is_bulk
    linked = replace(plain, text="{{ unsubscribe_url }}")
    assert purposed(linked, None, 1).is_bulk and not purposed(linked, None, 1, ["unsubscribe_url"]).is_bulk
    assert not purposed(linked, "transactional", 1_000).is_bulk and purposed(plain, "bulk", 1).is_bulk


def test_a_link_that_is_missing_from_a_text_is_missed() -> None:
    assert lacks_link(NEWS) and not lacks_link(replace(NEWS, purpose="transactional"))
    both = replace(NEWS, text="{{ unsubscribe_url }}", html="<p>Hi</p>")
    assert lacks_link(both), "who reads the HTML sees none"
    assert not lacks_link(replace(both, html="{% if name %}{{ unsubscribe_url | escape }}{% endif %}"))
    assert uses_link(replace(both, html=""))


def test_the_tag_is_for_bulk_mail_only() -> None:
    content = replace(NEWS, text="{{ unsubscribe_url }}")
    people = [Recipient("ann@mail.example")]
    assert check(content, [], people) == []
    ((field, words),) = check(replace(content, purpose="transactional"), [], people)
    assert field == "text" and "Only bulk mail has {{ unsubscribe_url }}" in words


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"list_name": "x" * 61}, "at most 60 characters"),
        ({"list_name": "a\x00b"}, "a control character"),
    ],
)
def test_the_name_of_a_list_is_checked(changed: dict[str, str], words: str) -> None:
    ((field, sentence),) = check(replace(NEWS, **changed), [])  # type: ignore[arg-type]
    assert field == "list" and words in sentence
