"""A received mail, read within bounds: strangers send it, and nothing in it has to be as it should.

Only its first megabyte is looked at. What a report says stands before the mail that it returns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from mailroom.content.header.words import decoded
from mailroom.content.text.references import unescaped
from mailroom.content.whole.fields import Field, Unmailable
from mailroom.content.whole.parts import ParsedPart, decoded_body, spans

MOST_READ_OCTETS = 1 << 20
MOST_READ_HEAD = 64 * 1024
MOST_READ_FIELDS = 500
MOST_READ_PARTS = 40
DEEPEST_READ = 6
LONGEST_VALUE_READ = 2_000
MOST_TEXT_READ = 16 * 1024
LONGEST_LINE_READ = 300
MOST_LINES_READ = 200

ORIGINALS = frozenset(
    (
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global-headers",
    )
)
"""Parts that hold the mail that came back, or its header."""

_FIELD_BEGINS = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_OF_A_MAILBOX = re.compile(rb">?From [^\n]*\n")
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]{0,15})?[^<>]{0,1000}>")
_BREAKS = frozenset(("br", "p", "div", "tr", "td", "li", "h1", "h2", "h3", "h4", "table", "pre", "hr", "ul"))


@dataclass(frozen=True)
class ReceivedMail:
    """`leaves`: its parts that are no multipart, in their order. What is asked for often is read once."""

    whole: ParsedPart
    leaves: tuple[ParsedPart, ...]

    def value(self, name: str) -> str:
        return value_of(self.whole, name)

    def values(self, name: str) -> list[str]:
        return [field.value[:LONGEST_VALUE_READ] for field in self.whole.fields if field.name == name]

    @property
    def subject(self) -> str:
        return " ".join(decoded(self.value("subject")).split())

    @cached_property
    def text(self) -> str:
        """What people read of it, up to MOST_TEXT_READ characters."""
        plain = [leaf for leaf in self.leaves if leaf.content_type == "text/plain"]
        html = [leaf for leaf in self.leaves if leaf.content_type == "text/html"]
        texts = [_short(leaf.text) for leaf in plain[:5]]
        if not any(text.strip() for text in texts):
            texts = [_without_tags(_short(leaf.text)) for leaf in html[:2]]
        return _short("\n".join(texts))

    @cached_property
    def original(self) -> ParsedPart | None:
        """The mail that came back, as far as it came along."""
        for leaf in self.leaves:
            if leaf.content_type in ORIGINALS:
                return part_of(as_lines(_octets(leaf)))
        return None


def received(octets: bytes) -> ReceivedMail:
    whole = part_of(_OF_A_MAILBOX.sub(b"", as_lines(octets[:MOST_READ_OCTETS]).lstrip(b"\r\n"), count=1))
    return ReceivedMail(whole, tuple(_leaves(whole)))


def as_lines(octets: bytes) -> bytes:
    """With CRLF line ends, whichever there were."""
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def value_of(part: ParsedPart, name: str) -> str:
    return part.first(name)[:LONGEST_VALUE_READ]


def part_of(data: bytes, start: int = 0, end: int | None = None) -> ParsedPart:
    """A part as patient as can be: lines that are no field are passed over."""
    end = len(data) if end is None else end
    if data.startswith(b"\r\n", start, end):
        return ParsedPart((), data, start + 2, end)
    limit = min(end, start + MOST_READ_HEAD)
    empty_line = data.find(b"\r\n\r\n", start, limit)
    head_ends, body = (empty_line, empty_line + 4) if empty_line >= 0 else (limit, limit)
    fields = tuple(_fields(data[start:head_ends]))
    return ParsedPart(fields, data, body, end) if fields else ParsedPart((), data, start, end)


def blocks_of(part: ParsedPart) -> list[ParsedPart]:
    """Groups of fields with empty lines between them, as in a report that programs read."""
    body = as_lines(_octets(part))[:MOST_READ_HEAD]
    blocks = re.split(rb"(?:\r\n[ \t]*){2,}", body, maxsplit=MOST_READ_FIELDS)
    return [block for block in map(part_of, blocks) if block.fields]


def lines_of(text: str) -> list[str]:
    """Each of them short, and not too many: patterns are slow on long ones."""
    return [line[:LONGEST_LINE_READ].rstrip() for line in text.split("\n", MOST_LINES_READ)[:MOST_LINES_READ]]


def _fields(head: bytes) -> Iterator[Field]:
    runs: list[list[bytes]] = []
    for line in head.split(b"\r\n", 4 * MOST_READ_FIELDS):
        if line[:1] in (b" ", b"\t") and runs:
            runs[-1].append(line)
        elif _FIELD_BEGINS.match(line):
            if len(runs) >= MOST_READ_FIELDS:
                break
            runs.append([line])
    for run in runs:
        name, _, body = b" ".join(part.strip() for part in run).replace(b"\0", b"").partition(b":")
        yield Field(name.strip().decode("ascii").lower(), name.strip() + b": " + body.strip())


def _leaves(whole: ParsedPart) -> Iterator[ParsedPart]:
    waiting, found = [(whole, 0)], 0
    while waiting and found < MOST_READ_PARTS:
        part, depth = waiting.pop()
        inner = _inner(part) if depth < DEEPEST_READ and part.content_type.startswith("multipart/") else []
        if inner:
            waiting += [(one, depth + 1) for one in reversed(inner)]
        else:
            found += 1
            yield part


def _inner(multipart: ParsedPart) -> list[ParsedPart]:
    try:
        found = spans(multipart)[0][:MOST_READ_PARTS]
    except Unmailable:
        return []
    return [part_of(multipart.data, span.start, span.end) for span in found]


def _octets(leaf: ParsedPart) -> bytes:
    try:
        return decoded_body(leaf.body, leaf.encoding)
    except Unmailable:
        return leaf.body


def _short(text: str) -> str:
    return text[:MOST_TEXT_READ].replace("\r\n", "\n")


def _without_tags(html: str) -> str:
    def instead(tag: re.Match[str]) -> str:
        return "\n" if (tag[1] or "").lower().lstrip("/") in _BREAKS else " "

    return unescaped(_TAG.sub(instead, html))
