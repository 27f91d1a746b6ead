"""Parts as any reader may find them, for whoever judges a whole message.

Programs read the same header in several ways, and look for parts in several ways. What some of them read
otherwise than others is refused where that tells where parts are, and looked at once more where it does not.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from mailroom.content.header.parameters import Parameter, content_type, readings, without_comments
from mailroom.content.header.words import WORD
from mailroom.content.whole.fields import LINE_END, MOST_HEADER_OCTETS, Field, Unmailable, patient_fields
from mailroom.content.whole.parts import (
    DEEPEST,
    MOST_FIELDS,
    MOST_PARTS,
    NoParts,
    ParsedPart,
    part_at,
    spans,
)

MOST_LOOKS = 5
"""At a message for lines that some readers take for a boundary: each may tell of further ones."""

LOOKED_AT_FIRST = 8
"""Octets of a boundary: of millions of lines that begin with hyphens most differ there."""

_PLAIN_BOUNDARY = re.compile(r"(?! )[ !#-:=?-\[\]-~]{1,200}(?<! )").fullmatch
"""Readers disagree about blanks at its ends, quotes, backslashes, brackets and semicolons."""

_SAID_ANYWHERE = re.compile(r"(?<![\w.*-])boundary\s*=").findall


def judged_parts(message: ParsedPart) -> Iterator[ParsedPart]:
    """The message, and each part within another: all that any reader may find. Of a header with other lines
    the fields count. Raises Unmailable where there are more than are looked at, or it can be read in two ways
    where they are.
    """
    waiting, parts, fields, octets = [iter([message])], 0, 0, MOST_HEADER_OCTETS
    looked_for, told_of, looks = set[bytes](), set[bytes](), 0
    while waiting:
        part = next(waiting[-1], None)
        if part is None:
            waiting.pop()
            if not waiting and (further := told_of - looked_for):
                if looks == MOST_LOOKS:
                    raise Unmailable(
                        "its parts are told of again and again by lines that may be none of theirs"
                    )
                looks, looked_for = looks + 1, looked_for | further
                waiting.append(_mistakable_parts(message, further))
            continue
        parts, fields = parts + 1, fields + len(part.fields)
        if parts > MOST_PARTS:
            raise Unmailable(f"it has more than {MOST_PARTS:,} parts")
        if fields > MOST_FIELDS:
            raise Unmailable(f"its parts have more than {MOST_FIELDS:,} header fields")
        yield part
        types = [field.value for field in part.fields if _may_be_of_a_multipart(field)]
        octets -= sum(map(len, types))
        if octets < 0:
            raise Unmailable(f"its multiparts' types have more than {MOST_HEADER_OCTETS:,} characters")
        if boundary := _boundary_for_all(types):
            if len(waiting) > DEEPEST:
                raise Unmailable(f"its parts are nested more than {DEEPEST} deep")
            told_of.add(boundary.encode("ascii"))
            waiting.append(_judged_parts(part, boundary))


def _may_be_of_a_multipart(field: Field) -> bool:
    words = field.raw.lower() if field.name == "content-type" else b""
    return b"multipart" in words and b"boundary" in words


def _boundary_for_all(types: Iterable[str]) -> str:
    """What stands between the parts, whoever looks for them; "": nobody finds any. Raises Unmailable."""
    found = set(filter(None, map(_boundary, types)))
    if len(found) > 1:
        raise Unmailable("a multipart's boundary can be read in more than one way")
    return next(iter(found), "")


def _boundary(value: str) -> str:
    words = value.lower()
    is_multipart = content_type(value).startswith("multipart/")
    kinds = [text.partition(";")[0] for text in (words, without_comments(words))]
    if not is_multipart and not any("multipart" in kind for kind in kinds):
        return ""
    said = {tuple(_boundaries(reading)) for reading in readings(value)}
    times = len(_SAID_ANYWHERE(words))
    if said == {()} and not times:
        return ""
    (name, boundary), *more = [one for way in said for one in way] or [("", "")]
    if more or times != 1 or not is_multipart or len(said) > 1 or name != "boundary":
        raise Unmailable("a multipart's boundary can be read in more than one way")
    if not _PLAIN_BOUNDARY(boundary) or WORD.search(boundary):
        raise Unmailable("a multipart's boundary holds what readers take for different things")
    return boundary


def _boundaries(reading: Iterable[Parameter]) -> Iterator[tuple[str, str]]:
    return ((name, value) for _, name, value in reading if name == "boundary" or name.startswith("boundary*"))


def _judged_parts(multipart: ParsedPart, boundary: str) -> Iterator[ParsedPart]:
    try:
        found = spans(multipart, boundary)[0]
    except NoParts:
        encoding = multipart.first("content-transfer-encoding").lower()
        if "base64" in encoding or "quoted-printable" in encoding:  # which it may not be (RFC 2045, 6.4)
            raise Unmailable("a multipart is encoded as a whole, and some readers find parts in it") from None
        return
    for span in found:
        yield _patient_part(multipart.data, span.start, span.end)


def _mistakable_parts(message: ParsedPart, boundaries: set[bytes]) -> Iterator[ParsedPart]:
    """Behind lines that only begin as a delimiter does: for some readers that is enough (RFC 2046, 5.1.1)."""
    data, shortest = message.data, _prefixes(boundaries)
    begin = None
    for found in _line_like(shortest).finditer(data, max(message.start - 1, 0), message.end):
        line = found[1]
        if not line.startswith(shortest[max(bisect_right(shortest, line) - 1, 0)]):
            continue
        if begin is not None:
            yield _patient_part(data, begin, found.start() + 1)
        said = line.rstrip(b" \t")
        is_whole = said in boundaries or said.removesuffix(b"--") in boundaries
        begin = None if is_whole else min(found.end() + len(LINE_END), message.end)
    if begin is not None:
        yield _patient_part(data, begin, message.end)


def _line_like(boundaries: Sequence[bytes]) -> re.Pattern[bytes]:
    """Few more than begin with one of these."""
    octets = zip(*(one[:LOOKED_AT_FIRST] for one in boundaries), strict=False)
    beginning = b"".join(b"[%b]" % re.escape(bytes(sorted(set(some)))) for some in octets)
    return re.compile(rb"\n--(?=%b)([^\r\n]++)" % beginning)


def _prefixes(boundaries: Iterable[bytes]) -> Sequence[bytes]:
    """Those that begin with none of the others, in their order."""
    found: list[bytes] = []
    for one in sorted(boundaries):
        if not (found and one.startswith(found[-1])):
            found.append(one)
    return found


def _patient_part(data: bytes, start: int, end: int) -> ParsedPart:
    try:
        return part_at(data, start, end)
    except Unmailable:
        empty_line = data.find(b"\r\n\r\n", start, end)
        head_ends = empty_line if empty_line >= 0 else end
        if head_ends - start > MOST_HEADER_OCTETS:
            raise
        return ParsedPart(patient_fields(data[start:head_ends]), data, min(head_ends + 4, end), end)
