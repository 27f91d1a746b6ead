"""A message's parts (RFC 2046), found in its octets without copying them; bounded in number and depth."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from string import ascii_letters, digits
from typing import NamedTuple

from mailroom.content.header.parameters import content_type, parameter
from mailroom.content.header.words import codec
from mailroom.content.whole.fields import Field, Unmailable, split_at

Octets = bytes | memoryview

BODY_PIECE = 1 << 17
"""Octets of a body that are looked at together."""

GOES_ON = "\n[It goes on: only its beginning is shown here.]\n"

_NOT_BASE64 = bytes(set(range(256)) - set(f"{ascii_letters}{digits}+/".encode()))
_PADDING = re.compile(rb"=[^A-Za-z0-9+/=]*+(=?)")

MOST_TEXT_SHOWN = 1 << 20
"""Octets of a text, as it is encoded: of a longer one its beginning is read, for people who look at it."""

DEEPEST = 30
MOST_PARTS = 10_000
MOST_FIELDS = 50_000
"""Of all parts together."""


class NoParts(Unmailable):
    """A multipart is none, whoever reads it."""


class LeftOut(NamedTuple):
    """Whole lines of a message that are not in what was kept of it (abridged.py). `at`: where they stood."""

    at: int
    octets: int
    letters: int  # of base64
    escapes: int  # of quoted-printable


@dataclass(frozen=True, slots=True)
class ParsedPart:
    """A message, or a part of one: its fields, and its body as data[start:end]."""

    fields: Sequence[Field]
    data: bytes
    start: int
    end: int

    @property
    def body(self) -> bytes:
        return self.data[self.start : self.end]

    @property
    def view(self) -> memoryview:
        """The body, not copied."""
        return memoryview(self.data)[self.start : self.end]

    def first(self, name: str) -> str:
        """The first field of this name, "" where there is none."""
        return next((field.value for field in self.fields if field.name == name), "")

    @property
    def content_type(self) -> str:
        return content_type(self.first("content-type"))

    @property
    def charset(self) -> str | None:
        return parameter(self.first("content-type"), "charset")

    @property
    def encoding(self) -> str:
        return self.first("content-transfer-encoding").partition("(")[0].strip().lower()

    @property
    def is_attachment(self) -> bool:
        return self.first("content-disposition").lower().startswith("attachment")

    @property
    def text(self) -> str:
        """A text part as people read it, as far as it can be read; a long one's beginning, which says so."""
        is_long = self.end - self.start > MOST_TEXT_SHOWN
        try:
            octets = decoded_body(self._beginning if is_long else self.body, self.encoding)
        except Unmailable:
            return ""
        try:
            text = octets.decode(codec(self.charset or "utf-8") or "utf-8", "replace")
        except UnicodeError:
            text = octets.decode("utf-8", "replace")
        # What a database cannot keep.
        text = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
        return f"{text}{GOES_ON}" if is_long else text

    @property
    def _beginning(self) -> bytes:
        """Whole lines of the body, or whole letters where it has none."""
        some = self.data[self.start : self.start + MOST_TEXT_SHOWN]
        if self.encoding == "base64":
            letters = some.translate(None, _NOT_BASE64)
            return letters[: len(letters) // 4 * 4]
        lines, line_end, _ = some.rpartition(b"\r\n")
        return lines + line_end or some


def part_at(data: bytes, start: int = 0, end: int | None = None) -> ParsedPart:
    """The message or part that is data[start:end], with CRLF line ends. Raises Unmailable."""
    end = len(data) if end is None else end
    fields, body = split_at(data, start, end)
    return ParsedPart(fields, data, body, end)


def decoded_body(body: bytes, encoding: str) -> bytes:
    """Without its Content-Transfer-Encoding. Raises Unmailable."""
    try:
        if encoding == "base64":
            return a2b_base64(body)
        return a2b_qp(body) if encoding == "quoted-printable" else body
    except Error:
        raise Unmailable(f"a part is not the {encoding} that it says it is") from None


def decoded_size(part: ParsedPart, left_out: Iterable[LeftOut] = ()) -> int:
    """Octets of its body without that encoding, never fewer than there are. Base64 is not decoded for it.

    `left_out` of the message that it is of, where that was abridged.
    """
    mine = [one for one in left_out if part.start < one.at <= part.end]
    if part.encoding == "base64":
        return (_letters_before_padding(part.view) + sum(one.letters for one in mine)) * 3 // 4
    if part.encoding != "quoted-printable":
        return part.end - part.start + sum(one.octets for one in mine)
    # Each "=" and the two octets behind it are one octet at the most.
    return len(decoded_body(part.body, part.encoding)) + sum(one.octets - 2 * one.escapes for one in mine)


def _letters_before_padding(body: memoryview) -> int:
    """Decoders stop at the padding. A "=" that is not the padding they pass over."""
    if padding := _PADDING.search(body):
        letters = base64_letters(body[: padding.start()])
        if letters % 4 == 3 or (letters % 4 == 2 and padding[1]):
            return letters
    return base64_letters(body)


def base64_letters(body: Octets) -> int:
    pieces = (bytes(body[at : at + BODY_PIECE]) for at in range(0, len(body), BODY_PIECE))
    return sum(len(piece.translate(None, _NOT_BASE64)) for piece in pieces)


def beginning_of(text: str) -> str:
    """What is shown of a text that somebody wrote here."""
    return f"{text[:MOST_TEXT_SHOWN]}{GOES_ON}" if len(text) > MOST_TEXT_SHOWN else text


class Span(NamedTuple):
    """Where a part's delimiter starts, and where the part itself starts and ends."""

    delimiter: int
    start: int
    end: int


def spans(multipart: ParsedPart, boundary: str | None = None) -> tuple[list[Span], int]:
    """Each part of a multipart, and where its last delimiter ends. `boundary`: if that is known. Raises
    Unmailable.
    """
    boundary = boundary or parameter(multipart.first("content-type"), "boundary")
    if not boundary:
        raise Unmailable("a multipart has no boundary")
    if not boundary.isascii():
        raise Unmailable("a multipart's boundary is not in ASCII")
    line = re.compile(rb"\r\n--%b(--)?[ \t]*+(?=\r\n|\Z)" % re.escape(boundary.encode("ascii")))
    found: list[Span] = []
    opened: tuple[int, int] | None = None
    # A body follows on a line end, and its first line may be a delimiter.
    for delimiter in line.finditer(multipart.data, max(multipart.start - 2, 0), multipart.end):
        if opened is not None:
            found.append(Span(*opened, max(delimiter.start(), opened[1])))
        if delimiter[1] and found:
            return found, delimiter.end()
        if delimiter[1]:
            break
        if len(found) >= MOST_PARTS:
            raise Unmailable(f"it has more than {MOST_PARTS:,} parts")
        opened = max(delimiter.start(), multipart.start), min(delimiter.end() + 2, multipart.end)
    if opened is None:
        raise NoParts("a multipart does not hold its own boundary, or no part")
    return [*found, Span(*opened, multipart.end)], multipart.end


def texts(message: ParsedPart) -> tuple[str, str]:
    """The text and the HTML that are shown."""
    found = shown_texts(message)
    plain, html = found.get("text/plain"), found.get("text/html")
    return plain.text if plain else "", html.text if html else ""


def shown_texts(message: ParsedPart) -> dict[str, ParsedPart]:
    """Of text/plain and of text/html the first part that is no attachment."""
    found: dict[str, ParsedPart] = {}
    for leaf in leaves(message):
        if leaf.content_type in ("text/plain", "text/html") and not leaf.is_attachment:
            found.setdefault(leaf.content_type, leaf)
        if len(found) == 2:
            break
    return found


def declared_charset(message: ParsedPart) -> str | None:
    """The charset that a message names first: its header may be in it, too."""
    return next((leaf.charset for leaf in leaves(message) if leaf.charset), None)


def leaves(message: ParsedPart) -> Iterator[ParsedPart]:
    """Every part that is no multipart, first to last, as far as they can be found."""
    return (part for part in every_part(message) if not part.content_type.startswith("multipart/"))


def every_part(message: ParsedPart) -> Iterator[ParsedPart]:
    """The message, and each part within another, as far as they can be found."""
    waiting = [iter([message])]
    for _ in range(MOST_PARTS):
        part = None
        while waiting and (part := next(waiting[-1], None)) is None:
            waiting.pop()
        if part is None:
            return
        yield part
        if part.content_type.startswith("multipart/") and len(waiting) <= DEEPEST:
            waiting.append(_parts(part))


def _parts(multipart: ParsedPart) -> Iterator[ParsedPart]:
    try:
        for span in spans(multipart)[0]:
            yield part_at(multipart.data, span.start, span.end)
    except Unmailable:
        return
