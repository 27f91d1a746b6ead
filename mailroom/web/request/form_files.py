"""Forms as they come: files in memory and, from some size on, in temporary files; fields within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from mailroom.files import temporary_room

FORM_FILE_IN_MEMORY = 500 * 1024

MOST_FORM_FIELDS = 10_000
"""Of a form without files. One with files has a tenth of it, and werkzeug counts."""

ESCAPES_AT_ONCE = 1 << 14
"""Octets."""

_NO_UTF_8 = re.compile(f"[{chr(0xDC80)}-{chr(0xDCFF)}]{{1,1000}}")


class FormFile(SpooledTemporaryFile[bytes]):
    """One of them. To write it raises NoTemporaryRoom; nothing is left to be written when it is read."""

    def write(self, octets: Any) -> int:
        with temporary_room():
            written = super().write(octets)
            self.flush()
        return written


class FormReader(FormDataParser):
    """Werkzeug's, which takes 180 octets of memory for each escape of a form without files."""

    def _parse_urlencoded(self, stream: IO[bytes], *_: Any) -> Any:
        most = self.max_form_memory_size
        octets = stream.read() if most is None else stream.read(most + 1)
        if (most is not None and len(octets) > most) or octets.count(b"&") >= MOST_FORM_FIELDS:
            raise RequestEntityTooLarge
        octets.decode()  # what is no UTF-8 is no form, as ever
        return stream, self.cls(_fields(octets)), self.cls()


def _fields(octets: bytes) -> Iterator[tuple[str, str]]:
    for field in octets.split(b"&"):
        if field:
            name, _, value = field.partition(b"=")
            yield _unescaped(name), _unescaped(value)


def _unescaped(octets: bytes) -> str:
    """Octets that are no UTF-8 stay escaped."""
    octets = octets.replace(b"+", b" ")
    if b"%" in octets:
        octets = b"".join(map(unquote_to_bytes, _pieces(octets)))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return _NO_UTF_8.sub(_escaped, octets.decode("utf-8", "surrogateescape"))


def _pieces(octets: bytes) -> Iterator[bytes]:
    """No escape stands in two of them: each takes its memory until its piece is read."""
    at = 0
    while at < len(octets):
        end = at + ESCAPES_AT_ONCE
        cut = octets.rfind(b"%", end - 2, end)
        end = cut if cut > at else end
        yield octets[at:end]
        at = end


def _escaped(run: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in run[0].encode("utf-8", "surrogateescape"))


class FormRequest(Request):
    """Flask's, with such files and fields."""

    form_data_parser_class = FormReader

    def _get_file_stream(self, *_: object, **__: object) -> IO[bytes]:
        return cast(IO[bytes], FormFile(FORM_FILE_IN_MEMORY))
