"""A message for servers that take 7 bits and short lines, its content unchanged.

Only a part that needs it is encoded anew; every other octet stays where it was, so that
a signature over an untouched part still holds.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence

from mailroom.content.header.seven_bit import seven_bit
from mailroom.content.message.encoding import BASE64_SLICE, base64_lines, quoted_printable_octets
from mailroom.content.whole.fields import (
    MOST_HEADER_OCTETS,
    MOST_LINE_OCTETS,
    Field,
    Unmailable,
    joined,
    without,
)
from mailroom.content.whole.parts import (
    BODY_PIECE,
    DEEPEST,
    MOST_FIELDS,
    MOST_PARTS,
    Octets,
    ParsedPart,
    decoded_body,
    part_at,
    spans,
)

ENCODINGS = ("", "7bit", "8bit", "binary", "quoted-printable", "base64")

_HIGH = re.compile(rb"[\0\x80-\xff]")
_LONG = re.compile(rb"\n[^\r\n]{%d}" % (MOST_LINE_OCTETS + 1))


def fits(data: bytes, start: int = 0, end: int | None = None) -> bool:
    """Whether every server takes the lines of data[start:end]."""
    end = len(data) if end is None else end
    first = data.find(b"\n", start, min(start + MOST_LINE_OCTETS + 2, end))
    if first < 0 and end - start > MOST_LINE_OCTETS:
        return False
    if start == 0 and end == len(data) and data.isascii() and b"\0" not in data:  # the same, faster
        return _LONG.search(data) is None
    return _HIGH.search(data, start, end) is None and _LONG.search(data, start, end) is None


def downgraded(message: ParsedPart, declared: str | None = None) -> Iterator[Octets]:
    """`message` in pieces so that every server takes it. Raises Unmailable, also while they are read.

    `declared`: the charset of what is neither ASCII nor UTF-8 in its fields.
    """
    return _Downgrade(declared).of(message, 0)


class _Downgrade:
    """One message's, with what its parts may cost in all."""

    def __init__(self, declared: str | None) -> None:
        self._declared = declared
        self._parts = self._fields = 0
        self._octets = MOST_HEADER_OCTETS

    def of(self, part: ParsedPart, depth: int) -> Iterator[Octets]:
        self._spend(part, depth)
        fields = [seven_bit(field, self._declared, is_inner=depth > 0) for field in part.fields]
        kind = part.content_type
        if fits(part.data, part.start, part.end):
            yield joined(fields, b"")
            yield part.view
        elif kind == "multipart/signed":
            raise Unmailable(
                "a signed part has octets above 127 or a line of more than 998: sign it in 7 bits"
            )
        elif kind.startswith("multipart/"):
            yield joined(_as_7bit(fields), b"")
            yield from self._each_part(part, depth)
        elif kind == "message/rfc822":
            yield joined(_as_7bit(fields), b"")
            yield from self.of(part_at(part.data, part.start, part.end), depth + 1)
        else:
            yield from _leaf(fields, part)

    def _spend(self, part: ParsedPart, depth: int) -> None:
        self._parts += 1
        self._fields += len(part.fields)
        self._octets -= sum(len(field.raw) for field in part.fields if not field.raw.isascii())
        if depth > DEEPEST:
            raise Unmailable(f"its parts are nested more than {DEEPEST} deep")
        if self._parts > MOST_PARTS:
            raise Unmailable(f"it has more than {MOST_PARTS:,} parts")
        if self._fields > MOST_FIELDS:
            raise Unmailable(f"its parts have more than {MOST_FIELDS:,} header fields")
        if self._octets < 0:
            raise Unmailable(f"its headers have more than {MOST_HEADER_OCTETS:,} octets to encode")

    def _each_part(self, multipart: ParsedPart, depth: int) -> Iterator[Octets]:
        found, last = spans(multipart)
        data, view, at = multipart.data, memoryview(multipart.data), multipart.start
        for span in found:
            # A preamble that does not fit is left out: nobody reads it.
            yield view[at if fits(data, at, span.delimiter) else span.delimiter : span.start]
            at = span.end
            if fits(data, span.start, at):
                yield view[span.start : at]
            else:
                yield from self.of(part_at(data, span.start, at), depth + 1)
        yield view[at:last]


def _as_7bit(fields: Sequence[Field]) -> list[Field]:
    """What was announced as 8bit or binary is it no more."""
    return without(fields, "content-transfer-encoding")


def _leaf(fields: Sequence[Field], part: ParsedPart) -> Iterator[Octets]:
    """Encoded a piece at a time, so that of a large one there is no copy."""
    kept = _as_7bit(fields)
    if not part.first("content-type") and _is_utf8(part.view):
        kept.append(Field("content-type", b'Content-Type: text/plain; charset="utf-8"'))
    if part.encoding not in ENCODINGS:
        raise Unmailable(f"a part does not fit, and its encoding {part.encoding[:40]!r} is unknown")
    is_encoded = part.encoding in ("quoted-printable", "base64")
    plain = decoded_body(part.body, part.encoding) if is_encoded else b""
    is_text = part.content_type.startswith("text/") and part.encoding != "base64"
    name = b"quoted-printable" if is_text else b"base64"
    yield joined([*kept, Field("content-transfer-encoding", b"Content-Transfer-Encoding: " + name)], b"")
    if is_text:  # what was encoded may end its lines in any way
        lines = [plain] if is_encoded else _in_whole_lines(part.view)
        yield from map(quoted_printable_octets, lines)
    else:
        octets = memoryview(plain) if is_encoded else part.view
        yield from map(base64_lines, _slices(octets, BASE64_SLICE))


def _in_whole_lines(octets: memoryview) -> Iterator[bytes]:
    """In pieces that end with CRLF, but for the last one."""
    rest = [b""]
    for some in _slices(octets, BODY_PIECE):
        lines, line_end, tail = some.rpartition(b"\r\n")
        if line_end:
            yield b"".join([*rest, lines, line_end])
            rest = [tail]
        else:
            rest.append(tail)
    if last := b"".join(rest):
        yield last


def _slices(octets: memoryview, size: int) -> Iterator[bytes]:
    return (bytes(octets[at : at + size]) for at in range(0, len(octets), size))


def _is_utf8(body: memoryview) -> bool:
    decoder = getincrementaldecoder("utf-8")()
    try:
        for some in _slices(body, BODY_PIECE):
            decoder.decode(some)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
