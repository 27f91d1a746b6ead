"""A field in ASCII and within the length of a line: only what needs it is changed, where it stands."""

from __future__ import annotations

import re
from itertools import pairwise

from mailroom.content.addresses import AddressError, parse_bare
from mailroom.content.header.mailboxes import Token, UnreadableMailboxes, tokens
from mailroom.content.header.parameters import parameters
from mailroom.content.header.words import WORD, Foreign, foreign
from mailroom.content.message.headers import HEADER_WIDTH, encoded_words
from mailroom.content.message.mime import encoded_parameter
from mailroom.content.whole.fields import MOST_LINE_OCTETS, Field, Unmailable

ADDRESS_FIELDS = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "resent-")
    for name in ("from", "sender", "to", "cc", "bcc", "reply-to")
) | {"author", "disposition-notification-to", "errors-to", "mail-followup-to", "mail-reply-to"}
PARAMETER_FIELDS = {"content-type", "content-disposition"}
ASCII_FIELDS = (
    *("date", "message-id", "in-reply-to", "references", "content-id", "mime-version", "received"),
    *("content-transfer-encoding", "dkim-signature", "resent-date", "resent-message-id"),
    *("content-location", "content-base"),
    *("list-unsubscribe", "list-subscribe", "list-post", "list-help", "list-owner", "list-archive"),
)
"""They have no place for an encoded-word (RFC 2047, 5)."""

MOST_FOREIGN_DOMAINS = 1000
"""Of a field: each takes a sixth of a millisecond to turn into A-labels."""

LEAST_ROOM = 40
"""Of a line, for an encoded-word: with less it begins on the next."""

_BLANKS = re.compile(r"((?:[ \t]|\r\n)++)")
_MISTAKABLE = re.compile(rb"[\x80-\xff][@\[\\\]]")
"""In Shift-JIS, Big5 and GBK the second may be half a character."""


def seven_bit(field: Field, declared: str | None = None, *, is_inner: bool = False) -> Field:
    """The field in ASCII and short lines; the same when it was already. Raises Unmailable.

    `declared`: the charset that the message names for its text, for octets that are not UTF-8.
    `is_inner`: of a part, or of a message within the message, where nobody acts on it; what cannot
    be read is carried as mere words then.
    """
    if not field.raw.isascii():
        field = _without_high_octets(field, declared, is_inner)
    if _is_long(field.raw):
        field = Field(field.name, _short_lines(field))
    return field


def _is_long(raw: bytes) -> bool:
    return len(raw) > MOST_LINE_OCTETS and max(map(len, raw.split(b"\r\n"))) > MOST_LINE_OCTETS


def _without_high_octets(field: Field, declared: str | None, is_inner: bool) -> Field:
    octets = field.raw.partition(b":")[2]
    given = foreign(octets, declared)
    line = _HeaderLine(f"{field.shown_name}:")
    try:
        _put(line, field.name, octets, given)
    except (Unmailable, AddressError) as reason:
        if not is_inner:
            raise Unmailable(f"the header {field.shown_name} cannot be read: {reason}") from None
        line = _HeaderLine(f"{field.shown_name}:")
        _put_words(line, given)
    return Field(field.name, line.text.encode("ascii"))


def _put(line: _HeaderLine, name: str, octets: bytes, given: Foreign) -> None:
    if name in ASCII_FIELDS or name.startswith("arc-"):
        raise UnreadableMailboxes("it can hold ASCII only")
    if name in ADDRESS_FIELDS:
        if not given.is_known and _MISTAKABLE.search(octets):
            raise UnreadableMailboxes("it is neither ASCII nor UTF-8, and no other charset is declared")
        _put_mailboxes(line, given)
    elif name in PARAMETER_FIELDS:
        _put_parameters(line, given)
    else:
        _put_words(line, given)


class _HeaderLine:
    """A field being written; its last line is what the next encoded-word has to fit into."""

    def __init__(self, start: str) -> None:
        self._pieces = [start]
        self._column = len(start)

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def put(self, text: str) -> None:
        if not text:
            return
        self._pieces.append(text)
        _, line_end, last = text.rpartition("\r\n")
        self._column = len(last) + (0 if line_end else self._column)

    def put_encoded(self, text: str, given: Foreign, *, blank_before: bool = True) -> None:
        """As encoded-words, with a blank before them, and each on a line with room for it."""
        if blank_before and not self._pieces[-1].endswith((" ", "\t")):
            self.put(" ")
        blank = self._pieces[-1]
        # Not right after the colon: a field that begins with an empty line confuses some.
        if (
            HEADER_WIDTH - self._column < LEAST_ROOM
            and blank.isspace()
            and "\r\n" not in blank
            and len(self._pieces) > 2
        ):
            self._pieces[-1] = ""
            self.put(f"\r\n{blank}")
        words = encoded_words(text, max(HEADER_WIDTH - self._column, LEAST_ROOM), given.charset, given.codec)
        self.put("\r\n ".join(words))


def _put_words(line: _HeaderLine, given: Foreign) -> None:
    """Unstructured text (RFC 5322, 2.2.1): whole words are encoded, with the blanks between two of them."""
    pieces = _BLANKS.split(given.text)
    at = 0
    while at < len(pieces):
        if pieces[at].isascii():
            line.put(pieces[at])
            at += 1
            continue
        end = at + 1
        while end + 1 < len(pieces) and not pieces[end + 1].isascii():
            end += 2
        run = "".join(pieces[at:end]).replace("\r\n", "")
        before = pieces[at - 1] if at > 1 and WORD.fullmatch(pieces[at - 2]) else ""
        after = pieces[end] if end + 1 < len(pieces) and WORD.fullmatch(pieces[end + 1]) else ""
        line.put_encoded(_unfolded(before) + run + _unfolded(after), given)
        at = end


def _unfolded(blank: str) -> str:
    return blank.replace("\r\n", "")


def _put_mailboxes(line: _HeaderLine, given: Foreign) -> None:
    """An address field: the words of names and comments are encoded, domains become A-labels."""
    found = list(tokens(given.text))
    if any(token.text == "@" for token in found):
        raise UnreadableMailboxes("an address has a blank or a quote beside its @")
    if sum(token.kind == "address" and not token.text.isascii() for token in found) > MOST_FOREIGN_DOMAINS:
        raise UnreadableMailboxes(f"it has more than {MOST_FOREIGN_DOMAINS} domains in other scripts")
    at = 0
    while at < len(found):
        token = found[at]
        end = at + 1
        if token.text.isascii():
            line.put(token.text)
        elif token.kind == "address":
            line.put(parse_bare(token.text))
        elif token.kind == "comment":
            _put_comment(line, token, given)
        else:
            end = _end_of_name(found, at)
            line.put_encoded(_beside(found, at, end, given), given)
            if end < len(found) and found[end].kind != "blank":
                line.put(" ")
        at = end


def _put_comment(line: _HeaderLine, token: Token, given: Foreign) -> None:
    inner = re.sub(r"\\(.)", r"\1", _unfolded(token.text[1:-1]))
    line.put("(")
    line.put_encoded(inner, given, blank_before=False)
    line.put(")")


def _end_of_name(found: list[Token], start: int) -> int:
    """After the last word of other scripts that follows on `start` with nothing but blanks between."""
    end = start + 1
    for at in range(start + 1, len(found)):
        if found[at].kind in ("word", "quoted") and not found[at].text.isascii():
            end = at + 1
        elif found[at].kind != "blank":
            break
    return end


def _beside(found: list[Token], start: int, end: int, given: Foreign) -> str:
    """The words, and the blanks that would be swallowed between them and another encoded-word."""
    run = "".join(_unfolded(token.unquoted) for token in found[start:end])
    if start > 1 and found[start - 1].kind == "blank" and WORD.fullmatch(found[start - 2].text):
        run = _unfolded(found[start - 1].text) + run
    if end + 1 < len(found) and found[end].kind == "blank" and WORD.fullmatch(found[end + 1].text):
        run += _unfolded(found[end].text)
    return run


def _put_parameters(line: _HeaderLine, given: Foreign) -> None:
    """Parameters by RFC 2231; one that is there in that form already stands for its plain twin."""
    found = list(parameters(given.text))
    names = {one.name for one in found}
    for number, one in enumerate(found):
        if one.text.isascii():
            line.put(f";{one.text}" if number else one.text)
        elif not one.name or "*" in one.name:
            raise UnreadableMailboxes("only the values of parameters can hold other scripts")
        elif f"{one.name}*" not in names:
            value = _unfolded(one.value).encode(given.codec)
            line.put(encoded_parameter(one.name, value, given.charset))


def _short_lines(field: Field) -> bytes:
    raw = field.raw.rstrip(b" \t")
    if field.name in ADDRESS_FIELDS:
        raw = _spaced_out(raw)
    return b"\r\n".join(piece for line in raw.split(b"\r\n") for piece in _folded(line, field.shown_name))


def _spaced_out(raw: bytes) -> bytes:
    """With a blank after each comma between mailboxes, where the line may end."""
    name, _, body = raw.decode("ascii").partition(":")
    try:
        found = list(tokens(body))
    except UnreadableMailboxes:
        return raw
    spaced = [
        f"{one.text} " if one.text == "," and following.kind != "blank" else one.text
        for one, following in pairwise([*found, Token("blank", "")])
    ]
    return f"{name}:{''.join(spaced)}".encode("ascii")


def _folded(line: bytes, name: str) -> list[bytes]:
    """`line` in pieces that begin with the blanks that stood there, and are never blanks alone."""
    pieces = []
    while len(line) > MOST_LINE_OCTETS:
        at = max(line.rfind(b" ", 1, MOST_LINE_OCTETS + 1), line.rfind(b"\t", 1, MOST_LINE_OCTETS + 1))
        if at < 1 or not line[:at].strip(b" \t"):
            raise Unmailable(f"the header {name} has a line of more than {MOST_LINE_OCTETS} octets")
        pieces.append(line[:at])
        line = line[at:]
    return [*pieces, line]
