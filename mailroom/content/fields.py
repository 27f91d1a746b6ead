"""A message's header fields as octets: found, left out, added, and never changed without need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email import policy

MOST_OCTETS = 998
"""A line's, without CRLF (RFC 5322, 2.1.1)."""

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)")


class Unmailable(ValueError):
    """A message that cannot be mailed as it is; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands in the message, folding included, without its last line end."""

    name: str  # lower case
    raw: bytes

    @property
    def value(self) -> str:
        """Unfolded; octets that are not ASCII read as UTF-8."""
        return self.raw.partition(b":")[2].replace(b"\r\n", b"").decode("utf-8", "replace").strip()


def split(message: bytes) -> tuple[list[Field], bytes]:
    """The fields and the body of a message or part with CRLF line ends. Raises Unmailable."""
    if message.startswith(b"\r\n"):
        return [], message[2:]
    head, _, body = message.partition(b"\r\n\r\n")
    return list(_fields(head.removesuffix(b"\r\n"))), body


def _fields(head: bytes) -> Iterator[Field]:
    position = 0
    while position < len(head):
        match = _FIELD.match(head, position)
        if match is None or head[match.end() : match.end() + 2] not in (b"", b"\r\n"):
            line = head[position:].partition(b"\r\n")[0][:60].decode("ascii", "replace")
            raise Unmailable(f"a line before the first empty line is no header field: {line!r}")
        yield Field(match[1].decode("ascii").lower(), match[0])
        position = match.end() + 2


def joined(fields: Iterable[Field], body: bytes) -> bytes:
    return b"".join([b"%b\r\n" % field.raw for field in fields]) + b"\r\n" + body


def without(fields: Sequence[Field], *names: str) -> list[Field]:
    return [field for field in fields if field.name not in names]


def values(fields: Sequence[Field], name: str) -> list[str]:
    return [field.value for field in fields if field.name == name]


def seven_bit(field: Field) -> Field:
    """The field in ASCII and within the length of a line; the same when it was already."""
    if field.raw.isascii() and max(map(len, field.raw.split(b"\r\n"))) <= MOST_OCTETS:
        return field
    name = field.raw.partition(b":")[0].decode("ascii").strip()
    try:
        header = policy.SMTP.header_factory(name, field.value)
        raw = header.fold(policy=policy.SMTP).encode("ascii").removesuffix(b"\r\n")
    except (ValueError, IndexError, AttributeError, UnicodeError):
        raise Unmailable(f"the header {name} cannot be read") from None
    if max(map(len, raw.split(b"\r\n"))) > MOST_OCTETS:
        raise Unmailable(f"the header {name} has a line of more than {MOST_OCTETS} octets")
    return Field(field.name, raw)
