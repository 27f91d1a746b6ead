"""A file in a request: in Base64, which may stay as long as it came, or as a list of its bytes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from mailroom.content.text.spooled_texts import SpooledText
from mailroom.web.api.requests.fields import Schema, whole_number
from mailroom.web.api.requests.patterns import BASE64

BASE64_AT_ONCE = 1 << 20
"""Characters, a multiple of four."""

BASE64_TAIL = 8
"""Characters at the end of a long text that are judged together: only there may it be padded."""

BYTES_SCHEMA: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}

FILE_SCHEMA: Schema = {
    "description": "The file in Base64, or as a list of its bytes.",
    "anyOf": [
        {"type": "string", "contentEncoding": "base64", "pattern": BASE64},
        BYTES_SCHEMA,
        {
            "type": "object",
            "description": "A Buffer of Node, as JSON.stringify writes it.",
            "properties": {"type": {"const": "Buffer"}, "data": BYTES_SCHEMA},
            "required": ["type", "data"],
            "additionalProperties": False,
        },
    ],
    "examples": ["SGVsbG8h"],
}


@dataclass(frozen=True, slots=True)
class Base64File:
    """A file that stays in its long text: it is decoded as it is read."""

    text: SpooledText
    size: int
    """Octets, decoded."""

    def slices(self, size: int) -> Iterator[bytes]:
        """What is in it, `size` octets at a time."""
        kept = bytearray()
        for octets in _decoded(self.text.pieces()):
            kept += octets
            while len(kept) >= size:
                with memoryview(kept) as view:
                    piece = bytes(view[:size])
                del kept[:size]
                yield piece
        if kept:
            yield bytes(kept)


GivenFile = bytes | Base64File


def _file(value: object) -> GivenFile:
    if isinstance(value, dict) and value.keys() == {"type", "data"} and value["type"] == "Buffer":
        value = value["data"]  # Node's Buffer, as JSON.stringify writes it
    if isinstance(value, list):
        try:
            return bytes(map(whole_number, value))
        except (TypeError, ValueError):
            raise ValueError("A list must hold the file's bytes: numbers from 0 to 255.") from None
    if not isinstance(value, str | SpooledText):
        raise ValueError("This must be the file in Base64.")
    try:
        if isinstance(value, SpooledText):
            return Base64File(value, sum(map(len, _decoded(value.pieces()))))
        return _from_base64(re.sub(r"[ \t\r\n]", "", value))
    except (binascii.Error, ValueError):
        raise ValueError("This is not Base64.") from None


def _from_base64(text: str) -> bytes:
    """Slice by slice: the library would make octets of all of it first. Raises ValueError."""
    if "=" in text[:-2]:
        raise ValueError("it ends before its end")
    decoded = BytesIO()
    for start in range(0, len(text), BASE64_AT_ONCE):
        decoded.write(base64.b64decode(text[start : start + BASE64_AT_ONCE], validate=True))
    return decoded.getvalue()


def _decoded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same of octets that come one after the other. Raises ValueError."""
    rest = b""
    for piece in pieces:
        rest += piece.translate(None, b" \t\r\n")
        whole = max(0, len(rest) - BASE64_TAIL) // 4 * 4
        if b"=" in rest[:whole]:
            raise ValueError("it ends before its end")
        yield base64.b64decode(rest[:whole], validate=True)
        rest = rest[whole:]
    yield _from_base64(rest.decode())


FileContent = Annotated[GivenFile, PlainValidator(_file), WithJsonSchema(FILE_SCHEMA)]
