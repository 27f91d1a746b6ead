"""Encoded-words (RFC 2047) and charsets: other scripts in a header, read with patience."""

from __future__ import annotations

import encodings
import re
from binascii import Error, a2b_base64, a2b_qp
from codecs import lookup
from collections.abc import Iterator
from encodings.aliases import aliases
from functools import lru_cache
from itertools import groupby
from pkgutil import iter_modules
from typing import NamedTuple

WORD = re.compile(r"=\?([^?\x00-\x20]{1,60})\?([BbQq])\?([^?]*+)\?=")

_KNOWN = {*aliases, *aliases.values(), *(module.name for module in iter_modules(encodings.__path__))}
_OTHERWISE = {
    "windows_874": "cp874",
    "x_sjis": "cp932",
    "x_gbk": "gbk",
    "windows_31j": "cp932",
    "iso_8859_8_i": "iso8859_8",
}
"""Names that Python does not know."""

_NO_CHARSETS = ("escape", "idna", "punycode", "undefined", "mbcs", "oem")
_ASCII = bytes(range(0x20, 0x7F))


class Foreign(NamedTuple):
    """Text in another script, and what its encoded-words name as their charset.

    Octets of an unknown charset stand as the Latin-1 characters of the same numbers, and are
    mailed as they came, as `unknown-8bit` (RFC 1428).
    """

    text: str
    charset: str = "utf-8"
    codec: str = "utf-8"

    @property
    def is_known(self) -> bool:
        return self.charset != "unknown-8bit"


def foreign(octets: bytes, declared: str | None) -> Foreign:
    """`octets` of a header as text: UTF-8, or else what the message itself declares."""
    for charset in ("utf-8", declared):
        name = codec(charset) if charset else None
        if name is not None and _is_ascii_above(name):
            try:
                return Foreign(octets.decode(name))
            except UnicodeError:
                continue
    return Foreign(octets.decode("latin-1"), "unknown-8bit", "latin-1")


@lru_cache(maxsize=256)
def codec(charset: str) -> str | None:
    """Python's name for a charset; None for one that is unknown, or none for mail.

    Only what stands in Python's own table is looked up: each new name would stay in memory.
    """
    name = encodings.normalize_encoding(charset.partition("*")[0]).lower()
    name = _OTHERWISE.get(name, name)
    if name not in _KNOWN or any(word in name for word in _NO_CHARSETS):
        return None
    try:
        found = lookup(name).name
        b"a".decode(found, "replace")  # not those that turn octets into octets
    except (LookupError, UnicodeError):
        return None
    return found


@lru_cache(maxsize=256)
def _is_ascii_above(name: str) -> bool:
    """Whether ASCII octets mean in it what they mean everywhere."""
    return _ASCII.decode(name, "replace") == _ASCII.decode("ascii")


def decoded(text: str) -> str:
    """`text` with its encoded-words as what they say, wherever they stand."""
    return "".join(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    for is_plain, run in groupby(_runs(text), lambda piece: isinstance(piece, str)):
        if is_plain:
            yield from (piece for piece in run if isinstance(piece, str))
            continue
        words = (piece for piece in run if not isinstance(piece, str))
        for charset, same in groupby(words, lambda word: word[0]):  # a character may be cut in two
            yield _text(b"".join(octets for _, octets in same), charset)


def _runs(text: str) -> Iterator[str | tuple[str, bytes]]:
    """Plain text, and (charset, octets) of each encoded-word; no blanks between two of these."""
    at, follows = 0, False
    for word in WORD.finditer(text):
        between = text[at : word.start()]
        if between and not (follows and not between.strip(" \t\r\n")):
            yield between
        yield word[1].lower(), _octets(word[2], word[3])
        at, follows = word.end(), True
    if at < len(text):
        yield text[at:]


def _octets(encoding: str, encoded: str) -> bytes:
    octets = encoded.encode("utf-8", "replace")
    if encoding in "Qq":
        return a2b_qp(octets, header=True)
    try:
        return a2b_base64(octets + b"==")
    except Error:
        return b""


def _text(octets: bytes, charset: str) -> str:
    try:
        return octets.decode(codec(charset) or "utf-8", "replace")
    except UnicodeError:
        return octets.decode("utf-8", "replace")
