"""CSV sniffing: a file's encoding and its separator, found by looking."""

from __future__ import annotations

import codecs
from typing import BinaryIO

DECODED_AT_ONCE = 1 << 20

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(data: BinaryIO) -> str:
    """The codec that reads all of `data`, which is left at its beginning."""
    data.seek(0)
    start = data.read(4)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name if _decodes(data, name) else "latin-1"
    if len(start) > 1 and start.count(0):
        name = "utf-16-le" if start[1] == 0 else "utf-16-be"
        return name if _decodes(data, name) else "latin-1"
    # Windows-1252 is what Excel calls ANSI; a few bytes mean nothing in it, all do in Latin-1.
    return next((name for name in ("utf-8", "cp1252") if _decodes(data, name)), "latin-1")


def _decodes(data: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    data.seek(0)
    try:
        while chunk := data.read(DECODED_AT_ONCE):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        data.seek(0)
    return True


def separator_of(line: str) -> str:
    """The separator that `line`, a file's first, holds most often outside quotes."""
    outside = "".join(line.split('"')[::2])
    return max(",;\t", key=outside.count)
