"""Unsubscribing, in what is mailed: the link of each delivery, its header fields (RFC 2369, 8058), its tag.

A link holds, sealed, whose it is and from which mail: it needs no row to be found by, so it works for as long
as there is the key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol
from urllib.parse import quote

from mailroom.content.addresses import UNSAFE_IN_ADDRESS
from mailroom.content.content import BULK_PURPOSE, LONGEST_LIST_NAME, TRANSACTIONAL, Content
from mailroom.content.links.return_tokens import ReturnAddress, ReturnPaths, ReturnPurpose
from mailroom.content.merge.plain import PlainTemplate
from mailroom.content.text.characters import misplaced

UNSUBSCRIBE_TAG = "unsubscribe_url"
UNSUBSCRIBE_PATH = "/unsubscribe/"

BULK_FROM = 100
"""Recipients from which on a mailing is bulk mail, unless somebody says otherwise."""

ONE_CLICK = ("List-Unsubscribe", "One-Click")
"""What a mail program posts: RFC 8058, 3.2."""

HOW_TO_LINK = (
    'Put {{ unsubscribe_url }} where the link shall stand, in HTML as <a href="{{ unsubscribe_url }}">'
    "Unsubscribe</a>."
)

_TAG = re.compile(r"\{\{\{?-?\s*(" + UNSUBSCRIBE_TAG + r")\s*-?\}?\}\}")
_UNENDED = re.compile(r"[^}]++")
_OPENED = re.compile(r"\{[{%]")
_NAMED = re.compile(r"\b" + UNSUBSCRIBE_TAG + r"\b")


class LinkedTo(NamedTuple):
    """What a link's words say: the delivery, its address, whose bulk mail it is, and which list of it."""

    delivery_id: int
    address_key: str
    sender: str
    list_name: str


def linked_to(words: list[str] | None) -> LinkedTo | None:
    """None for words that are none of a link."""
    if words is None or not 3 <= len(words) <= 4 or not words[0].isdecimal():
        return None
    return LinkedTo(int(words[0]), words[1], words[2], "".join(words[3:]))


class LinkPlace(NamedTuple):
    """Where links lead, and where mail comes back, by which some unsubscribe; None: nowhere."""

    origin: str
    bounces: ReturnAddress | None = None


class Link(NamedTuple):
    """Of one delivery: what its tag is filled with, and the header fields that carry it."""

    url: str
    fields: bytes


class Sealing(Protocol):
    """A LinkKey, or what stands for one."""

    def seal(self, words: Sequence[str]) -> str: ...


class NotShown:
    """Stands for a key where others than the recipient look: who has a link may use it."""

    def seal(self, words: Sequence[str]) -> str:
        return "only-the-recipient-sees-it"


class NoReturnShown:
    """The same for return paths."""

    def seal(self, purpose: ReturnPurpose, delivery_id: int, address_key: str) -> str:
        return "only-the-recipient-sees-it"


class UnsubscribeLinks:
    """The links of one mailing, made for each delivery from what is the same for all.

    Whoever sets List-Unsubscribe themself has it so: of two of them nobody knows which counts.
    """

    __slots__ = ("_base", "_has_own", "_key", "_post", "_returns", "_words")

    def __init__(
        self, key: Sealing, place: LinkPlace, content: Content, returns: ReturnPaths | None = None
    ) -> None:
        own = {name.lower() for name, _ in content.headers}
        self._key, self._base = key, f"{place.origin}{UNSUBSCRIBE_PATH}"
        self._words = (content.sender.key, content.list_name)
        self._has_own = "list-unsubscribe" in own
        self._returns = returns
        self._post = (
            "" if "list-unsubscribe-post" in own else "List-Unsubscribe-Post: {}={}\r\n".format(*ONE_CLICK)
        )

    def of(self, delivery_id: int, address: str) -> Link:
        token = self._key.seal((str(delivery_id), address.lower(), *self._words))
        url = self._base + token
        if self._has_own:
            return Link(url, b"")
        by_mail = self._by_mail(delivery_id, address, token)
        return Link(url, f"List-Unsubscribe: <{url}>{by_mail}\r\n{self._post}".encode("ascii"))

    def _by_mail(self, delivery_id: int, address: str, token: str) -> str:
        """The address tells for as long as the delivery has its row; the subject, if it is kept, for ever."""
        if self._returns is None:
            return ""
        path = self._returns.of(ReturnPurpose.UNSUBSCRIBE, delivery_id, address)
        return f",\r\n <mailto:{quote(path, safe='+@')}?subject=unsubscribe%20{token}>"


def purposed(content: Content, chosen: str | None, recipients: int, columns: Sequence[str] = ()) -> Content:
    """With the purpose that was chosen. None was: many recipients, a list or a link make it bulk mail."""
    has_link = UNSUBSCRIBE_TAG not in columns and any(map(_uses_tag, (content.text, content.html)))
    is_bulk = recipients >= BULK_FROM or bool(content.list_name) or has_link
    purpose = chosen or (BULK_PURPOSE if is_bulk else TRANSACTIONAL)
    return content if content.purpose == purpose else replace(content, purpose=purpose)


def list_name_of(typed: str) -> str:
    """Two spellings of one name are one list. Never longer than what was typed, as small letters may be."""
    name = " ".join(typed.split())
    return name.lower()[: len(name)]


def list_problem(content: Content) -> str:
    """What is wrong with the name of the list, in a sentence; "" for nothing."""
    name = content.list_name
    if len(name) > LONGEST_LIST_NAME:
        return f"The name of a list has at most {LONGEST_LIST_NAME} characters."
    if UNSAFE_IN_ADDRESS.search(name):
        return "The name of a list cannot contain a control character."
    return f"The name of a list {reason}." if (reason := misplaced(name)) else ""


def tag_template(source: str, *, html: bool) -> PlainTemplate | None:
    """Of a shared message, in which no other tag means anything; None: it has none."""
    pieces = _TAG.split(source)
    return PlainTemplate(pieces, html=html) if len(pieces) > 1 else None


def lacks_link(content: Content) -> bool:
    """Whether it is bulk mail in whose text nobody sees how to get no more of it."""
    return content.is_bulk and not uses_link(content)


def uses_link(content: Content) -> bool:
    """Whether a text has the tag: in each that there is, or mail programs show the one without."""
    bodies = [body for body in (content.text, content.html) if body.strip()]
    return bool(bodies) and all(map(_uses_tag, bodies))


def _uses_tag(text: str) -> bool:
    """Whether it stands in a tag, of Liquid or a plain one: anywhere between its braces."""
    if UNSUBSCRIBE_TAG not in text:
        return False
    # Piece by piece: from each of many tags that are never closed a search would look as far as the end.
    for piece in _UNENDED.finditer(text):
        opened = _OPENED.search(piece[0])
        if opened and _NAMED.search(piece[0], opened.end()):
            return True
    return False
