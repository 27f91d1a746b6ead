"""Lines of a file of any size, packed or not, in flat memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader, RawIOBase
from typing import Any, cast

LONGEST_LINE = 32 * 1024
"""Octets. No mail server writes longer ones; what is longer is left out."""

LOG_READ_AT_ONCE = 1 << 18
GZIP_MAGIC = b"\x1f\x8b"


class Unreadable(Exception):
    """str() is one sentence: why the record cannot be read, or not further."""


def lines_of(stream: BufferedIOBase) -> Iterator[str]:
    """Without their ends. Octets that are no UTF-8, and NUL, become U+FFFD. Raises Unreadable."""
    rest, is_too_long = b"", False
    for chunk in _chunks(stream):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if not is_too_long and len(line) <= LONGEST_LINE:
                yield _text(line)
            is_too_long = False
        if len(rest) > LONGEST_LINE:
            rest, is_too_long = b"", True
    if rest and not is_too_long:
        yield _text(rest)


def _text(line: bytes) -> str:
    text = line.rstrip(b"\r").decode("utf-8", "replace")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    source: Any = stream if hasattr(stream, "peek") else BufferedReader(cast(RawIOBase, stream))
    if source.peek(2)[:2] == GZIP_MAGIC:
        source = gzip.GzipFile(fileobj=source)
    try:
        while chunk := source.read1(LOG_READ_AT_ONCE):
            yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Unreadable(f"it is a damaged gzip file ({error})") from None
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror or error})") from None
