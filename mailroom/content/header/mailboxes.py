"""Address fields (RFC 5322, 3.4): tokens and mailboxes.

Linear in the field's length, whatever stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mailroom.content.addresses import Address, AddressError, clean_name, parse_bare
from mailroom.content.header.words import decoded
from mailroom.content.whole.fields import Unmailable

_ATEXT = r'[^\x00-\x20\x7f"(),:;<>@\[\]\\]'
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]++)"
    rf"|(?P<address>(?:{_ATEXT}++|{_QUOTED})@{_ATEXT}++)"
    rf"|(?P<quoted>{_QUOTED})"
    r"|(?P<comment>\()"
    rf"|(?P<word>{_ATEXT}++)"
    r"|(?P<special>[<>,:;@\[\]])",
    re.DOTALL,
)
_PARENTHESIS = re.compile(r"\\.|[()]", re.DOTALL)


class UnreadableMailboxes(Unmailable):
    """An address field that two readers would read in two ways, or none at all."""


class Token(NamedTuple):
    """blank, quoted, comment, address (`left@right`), word, special; with its quotes and all."""

    kind: str
    text: str

    @property
    def unquoted(self) -> str:
        return re.sub(r"\\(.)", r"\1", self.text[1:-1]) if self.kind == "quoted" else self.text


def tokens(text: str) -> Iterator[Token]:
    """`text` in pieces that make it up again. Raises UnreadableMailboxes for what never closes."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise UnreadableMailboxes(f"something does not belong or does not close: {text[at : at + 20]!r}")
        kind = str(found.lastgroup)
        end = _end_of_comment(text, at) if kind == "comment" else found.end()
        yield Token(kind, text[at:end])
        at = end


def _end_of_comment(text: str, start: int) -> int:
    depth = 0
    for found in _PARENTHESIS.finditer(text, start):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    raise UnreadableMailboxes(f"a parenthesis does not close: {text[start : start + 20]!r}")


def mailboxes(text: str) -> list[Address]:
    """Every mailbox of a list that all readers read alike. Raises UnreadableMailboxes, AddressError."""
    return [_mailbox(part) for part in _split(text, ",") if any(one.kind != "blank" for one in part)]


def readable_mailboxes(text: str) -> list[Address]:
    """The mailboxes that can be read, those of groups among them; nothing is raised."""
    found = []
    try:
        for part in _split(text, ",:;"):
            if all(one.kind == "blank" for one in part):  # a field of commas alone would take seconds
                continue
            try:
                found.append(_mailbox(part))
            except (UnreadableMailboxes, AddressError):
                continue
    except UnreadableMailboxes:  # from here on
        pass
    return found


def _split(text: str, separators: str) -> Iterator[list[Token]]:
    part: list[Token] = []
    for token in tokens(text):
        if token.kind == "special" and token.text in separators:
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _mailbox(part: Sequence[Token]) -> Address:
    words = [token for token in part if token.kind != "comment"]
    texts = [token.text for token in words]
    if "<" not in texts:
        return Address(parse_bare(_only_address(words)))
    opening = texts.index("<")
    closing = texts.index(">", opening) if ">" in texts[opening:] else len(texts)
    if any(token.kind != "blank" for token in words[closing + 1 :]) or closing == len(texts):
        raise UnreadableMailboxes("its angle brackets do not match")
    address = parse_bare(_only_address(words[opening + 1 : closing]))
    return Address(address, _name(words[:opening], address))


def _only_address(words: Sequence[Token]) -> str:
    found = [token for token in words if token.kind != "blank"]
    if len(found) != 1 or found[0].kind != "address":
        raise UnreadableMailboxes(
            f"this is no address: {''.join(token.text for token in words).strip()[:60]!r}"
        )
    return found[0].text


def _name(phrase: Sequence[Token], address: str) -> str:
    words = [token for token in phrase if token.kind != "blank"]
    # Outlook repeats the address as the name: whichever is read, it is the same.
    if len(words) != 1 or words[0].text.strip("'").lower() != address.lower():
        for word in words:
            _check_word(word, address)
    return clean_name(decoded("".join(" " if one.kind == "blank" else one.unquoted for one in phrase)))


def _check_word(word: Token, address: str) -> None:
    if word.kind == "address":
        raise UnreadableMailboxes(f"there are two addresses in one: {word.text} and {address}")
    if word.kind == "special" or word.text.startswith("."):
        raise UnreadableMailboxes(f"put the name before <{address}> into quotes, for it holds {word.text!r}")
