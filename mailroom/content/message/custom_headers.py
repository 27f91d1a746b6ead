"""Custom headers of a mailing: words, or a structure that has its own grammar; merge tags in both.

What a recipient's values put in is judged when it is rendered: it stays within its line, brings in no
other URL or address, and is never changed for something else to fit.
"""

from __future__ import annotations

import re

from mailroom.content.addresses import AddressError
from mailroom.content.header.mailboxes import mailboxes
from mailroom.content.header.seven_bit import ADDRESS_FIELDS, ASCII_FIELDS
from mailroom.content.merge.plain import MergeError, Template, Values
from mailroom.content.merge.tags import parse_template
from mailroom.content.message.body import Personal
from mailroom.content.message.headers import HARD_WIDTH, address_header, clean, extra_header, text_header
from mailroom.content.text.characters import misplaced
from mailroom.content.whole.fields import Unmailable

MOST_PERSONAL = 10_000
"""Characters of a header with merge tags, once they are filled."""

_BLANK_IN_BRACKETS = re.compile(r"<[^<>\s]*+\s")


def structure_problem(name: str, value: str) -> str:
    """What is wrong with the value of a header that is no free text, in a sentence's end; "" for nothing.

    Such a header has no place for an encoded-word (RFC 2047, 5), nor can a URL be cut in two.
    """
    if name.lower() not in ASCII_FIELDS:
        return ""
    if not value.isascii():
        foreign = next(character for character in value if not character.isascii())
        return f"can hold ASCII only, and not “{foreign}”: percent-encode what a URL cannot hold"
    if max(map(len, value.split(" "))) > HARD_WIDTH:
        return f"has a word of more than {HARD_WIDTH} characters, which fits into no line"
    return ""


class PersonalHeader(Personal):
    """One header that is filled for each recipient; one that stays empty is left out."""

    __slots__ = ("_is_structured", "_name", "_other")

    def __init__(self, name: str, template: Template, escaping: Template) -> None:
        super().__init__(template, str.encode)
        self._name, self._other = name, escaping
        self._is_structured = name.lower() in {*ASCII_FIELDS, *ADDRESS_FIELDS}

    def render(self, values: Values) -> bytes:
        """The whole field. Raises MergeError when this recipient's values do not fit into it."""
        value = self._template.render(values)
        if len(value) > MOST_PERSONAL:
            raise self._refused(f"would have more than {MOST_PERSONAL:,} characters")
        if not self._is_structured:
            value = clean(value)
        if reason := misplaced(value):
            raise self._refused(reason)
        value = value.strip()
        if not value:
            return b""
        if self._is_structured:
            return self._structured(value, self._other.render(values))
        # What looks encoded would be read as something else than the value says.
        return text_header(self._name, value) if "=?" in value else extra_header(self._name, value)

    def _structured(self, value: str, escaped: str) -> bytes:
        if (value.count("<"), value.count(">")) != (escaped.count("<"), escaped.count(">")):
            raise self._refused("gets an angle bracket from a value: write brackets around the tag")
        if self._name.lower() in ADDRESS_FIELDS:
            return self._address(value)
        if reason := structure_problem(self._name, value):
            raise self._refused(f"{reason}, as by {{{{ name | url_encode }}}}")
        if _BLANK_IN_BRACKETS.search(value):
            raise self._refused("gets a blank within its angle brackets: use {{ name | url_encode }}")
        return extra_header(self._name, " ".join(value.split()))

    def _address(self, value: str) -> bytes:
        try:
            found = mailboxes(value)
        except (AddressError, Unmailable) as trouble:
            raise self._refused(f"cannot be read: {trouble}") from None
        if len(found) != 1:
            raise self._refused("with merge tags holds one address, and only one")
        if reason := misplaced(found[0].name):  # which may have been encoded
            raise self._refused(reason)
        return address_header(self._name, found)

    def _refused(self, reason: str) -> MergeError:
        return MergeError(f"The header {self._name} {reason.rstrip('.')}.")


def personal_header(name: str, source: str) -> PersonalHeader | None:
    """None: it has no merge tags. Raises MergeError for bad Liquid."""
    template, escaping = parse_template(source), parse_template(source, html=True)
    return PersonalHeader(name, template, escaping) if template and escaping else None


def custom_header(name: str, value: str, *, personal: bool) -> bytes | PersonalHeader:
    """The field as it goes over the wire, or what makes it for each recipient."""
    return (personal_header(name, value) if personal else None) or extra_header(name, value)
