"""Spooling: long texts of a JSON body in a file. An attachment of 25 MB is one of 33 MB, never needed whole.

Each is replaced by a token, so that what is left is read as any other body. Nobody knows a token beforehand.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Protocol

from mailroom.files import temporary_file, write_temporary

LONG_FROM = 64 * 1024
"""Octets in which there is no quotation mark."""

TEXT_PIECE = 1 << 17

LONGEST_ESCAPE = len(rb"\u002b")

# Possessive, and with an end for what does not end: each octet is looked at once.
STRING = re.compile(rb'"(?:[^"\\]++|\\(?:.|\Z))*+(?:"|\Z)', re.DOTALL)

_PLAIN = re.compile(rb"(?:[ !#-\[\]-~]++|\\[bfnrt/]|\\u00[2-7][0-9A-Fa-f])*+")
"""What JSON takes as it stands, and what is ASCII without it."""


class ReadableOctets(Protocol):
    """What can be read, such as a request's body."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True, eq=False)
class SpooledText:
    """A text of ASCII. Whoever reads it needs the file that it is in."""

    token: str
    size: int
    """Octets between the quotation marks, escapes as they were written."""
    _file: IO[bytes] = field(repr=False)
    _start: int = field(repr=False)

    def pieces(self) -> Iterator[bytes]:
        """What it says, a piece at a time."""
        for piece in self.written():
            yield json.loads(b'"%b"' % piece).encode() if b"\\" in piece else piece

    def written(self) -> Iterator[bytes]:
        """As it stands in the body; no escape is in two pieces."""
        at, end = self._start, self._start + self.size
        while at < end:
            self._file.seek(at)
            piece = self._file.read(min(TEXT_PIECE, end - at))
            at += len(piece)
            escape = piece.rfind(b"\\", 1 - LONGEST_ESCAPE)
            if escape > 0 and at < end:
                at -= len(piece) - escape
                piece = piece[:escape]
            yield piece

    def is_plain(self) -> bool:
        """Whether it is what this class says."""
        return all(map(_PLAIN.fullmatch, self.written()))

    def __str__(self) -> str:
        return b"".join(self.pieces()).decode()


class SpooledTexts:
    """Those of one body. `found`: by their tokens."""

    def __init__(self) -> None:
        self.found: dict[str, SpooledText] = {}
        self._file: IO[bytes] | None = None
        self._outside = 0  # a place in what is kept that is within no text: all before it was looked at

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def taken_from(self, body: ReadableOctets) -> bytearray:
        """The body with a token in place of each. Raises NoTemporaryRoom."""
        kept = bytearray()
        self._outside = 0
        while block := _block(body):
            start = None if b'"' in block else self._start_of_value(kept)
            if start is None:
                kept += block
            else:
                self._take(kept, start, block, body)
        return kept

    def hidden_in(self, part: bytes | bytearray | str) -> int:
        """By how many octets this part of what was kept is shorter than it was."""
        octets = part.encode("utf-8", "replace") if isinstance(part, str) else part
        return sum(text.size - len(token) for token, text in self.found.items() if token.encode() in octets)

    def _start_of_value(self, kept: bytearray) -> int | None:
        """Where the value of a name starts that is a text and has not ended."""
        quote = kept.rfind(b'"', max(0, len(kept) - LONG_FROM))
        before = bytes(kept[max(0, quote - LONGEST_ESCAPE) : max(0, quote)]).rstrip(b" \t\r\n")
        if not before.endswith(b":"):
            return None
        # It may as well be the end of a text whose last letter is a colon.
        for text in STRING.finditer(kept, self._outside):
            self._outside = text.start()
        return quote + 1 if self._outside == quote else None

    def _take(self, kept: bytearray, start: int, block: bytes, body: ReadableOctets) -> None:
        """From `start` in what is kept to the next quotation mark."""
        if self._file is None:
            self._file = temporary_file()
        at = self._file.seek(0, 2)
        write_temporary(self._file, kept[start:])
        del kept[start:]
        quote = rest = b""
        while block and not quote:
            text, quote, rest = block.partition(b'"')
            write_temporary(self._file, text)
            block = b"" if quote else _block(body)
        found = SpooledText(secrets.token_hex(16), self._file.tell() - at, self._file, at)
        if quote and found.is_plain():
            self.found[found.token] = found
            kept += found.token.encode()
        else:
            for piece in found.written():
                kept += piece
            self._file.truncate(at)
        kept += quote + rest


NONE_SPOOLED = SpooledTexts()


def _block(body: ReadableOctets) -> bytes:
    block = body.read(LONG_FROM)
    while len(block) < LONG_FROM and (more := body.read(LONG_FROM - len(block))):
        block += more
    return block
