"""A message's header fields as octets: found, left out, added, and never changed without need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

LINE_END = b"\r\n"

MOST_LINE_OCTETS = 998
"""A line's, without CRLF (RFC 5322, 2.1.1)."""

MOST_HEADER_OCTETS = 256 * 1024
"""A header's, all its fields together: a thousand recipients with their names, four times over."""

_FIELD_ENDS = re.compile(rb"\r\n(?![ \t])")
_NAME = re.compile(rb"([!-9;-~]++)[ \t]*+:")
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_BLANK_LINE = re.compile(rb"\r\n([ \t]++)(?=\r\n|\Z)")
_UNFOLDABLE = re.compile(rb"[\0\r\n]")


class Unmailable(ValueError):
    """A message that cannot be mailed as it is; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands in the message, folding included, without its last line end."""

    name: str  # lower case
    raw: bytes

    @property
    def shown_name(self) -> str:
        return self.raw.partition(b":")[0].decode("ascii")

    @property
    def body(self) -> bytes:
        """What follows the colon, unfolded (RFC 5322, 2.2.3)."""
        return self.raw.partition(b":")[2].replace(b"\r\n", b"")

    @property
    def value(self) -> str:
        """The body as text; octets that are not ASCII read as UTF-8."""
        return self.body.decode("utf-8", "replace").strip(" \t")


def split(message: bytes) -> tuple[list[Field], bytes]:
    """The fields and the body of a message with CRLF line ends. Raises Unmailable."""
    fields, start = split_at(message, 0, len(message))
    return fields, message[start:]


def split_at(data: bytes, start: int, end: int) -> tuple[list[Field], int]:
    """The fields of the message or part that is data[start:end], and where its body starts."""
    if data.startswith(b"\r\n", start, end):
        return [], start + 2
    most = start + MOST_HEADER_OCTETS
    empty_line = data.find(b"\r\n\r\n", start, min(most + 4, end))
    if empty_line < 0 and end > most:
        raise Unmailable(f"its header has more than {MOST_HEADER_OCTETS:,} octets")
    head = data[start : empty_line if empty_line >= 0 else end]
    return list(_fields(head.removesuffix(b"\r\n"))), empty_line + 4 if empty_line >= 0 else end


def _fields(head: bytes) -> Iterator[Field]:
    for raw in _FIELD_ENDS.split(head) if head else ():
        match = _NAME.match(raw)
        if match is None:
            line = raw.partition(b"\r\n")[0][:60].decode("ascii", "replace")
            raise Unmailable(f"a line before the first empty line is no header field: {line!r}")
        # What readers disagree about (RFC 5322, 4.5): a blank before the colon, a line of blanks.
        raw = match[1] + b":" + _BLANK_LINE.sub(rb"\1", raw[match.end() :])
        field = Field(match[1].decode("ascii").lower(), raw)
        if _UNFOLDABLE.search(field.body):
            raise Unmailable(f"the header {field.shown_name} holds a bare CR or LF, or a NUL")
        yield field


def patient_fields(head: bytes) -> list[Field]:
    """Those of a header that has other lines as well, as readers find them that pass these over."""
    found: list[Field] = []
    for line in _LINE_ENDS.split(head.replace(b"\0", b"")):
        if line[:1] in (b" ", b"\t") and found:
            found[-1] = Field(found[-1].name, found[-1].raw + line)
        elif match := _NAME.match(line):
            found.append(Field(match[1].decode("ascii").lower(), match[1] + b":" + line[match.end() :]))
    return found


def joined(fields: Iterable[Field], body: bytes) -> bytes:
    return b"".join([b"%b\r\n" % field.raw for field in fields]) + b"\r\n" + body


def without(fields: Iterable[Field], *names: str) -> list[Field]:
    return [field for field in fields if field.name not in names]


def values(fields: Sequence[Field], name: str) -> list[str]:
    return [field.value for field in fields if field.name == name]
