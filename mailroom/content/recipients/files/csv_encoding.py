"""CSV sniffing: a file's encoding, found by looking.

Unicode is recognised for sure. A code page is only guessed: every octet is some letter in most of them, and
`Иван` of one is `Èâàí` of another. So whoever sends is asked.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise, starmap
from typing import BinaryIO, NamedTuple

from mailroom.content.header.words import codec
from mailroom.content.text.characters import misplaced_in_lines

DECODED_AT_ONCE = 1 << 20
LOOKED_AT = 32 << 10
"""Octets, of lines that are not ASCII, that a guess is made from."""

LIST_ENCODINGS = {
    "cp1252": "Western European (Windows-1252)",
    "cp1251": "Cyrillic (Windows-1251)",
    "cp1250": "Central European (Windows-1250)",
    "mac-roman": "Western European (Mac Roman)",
    "cp932": "Japanese (Shift-JIS)",
    "gb18030": "Simplified Chinese (GB 18030, GBK)",
    "big5": "Traditional Chinese (Big5)",
    "cp949": "Korean (EUC-KR, CP949)",
    "cp1254": "Turkish (Windows-1254)",
    "cp1253": "Greek (Windows-1253)",
    "koi8-r": "Cyrillic (KOI8-R)",
    "koi8-u": "Ukrainian (KOI8-U)",
    "euc_jp": "Japanese (EUC-JP)",
    "iso2022_jp": "Japanese (ISO-2022-JP)",
    "iso8859-2": "Central European (ISO 8859-2, Latin-2)",
    "cp1257": "Baltic (Windows-1257)",
    "cp1255": "Hebrew (Windows-1255)",
    "cp1256": "Arabic (Windows-1256)",
    "cp1258": "Vietnamese (Windows-1258)",
    "cp874": "Thai (Windows-874)",
    "iso8859-15": "Western European (ISO 8859-15, Latin-9)",
    "iso8859-5": "Cyrillic (ISO 8859-5)",
    "iso8859-7": "Greek (ISO 8859-7)",
    "mac-cyrillic": "Cyrillic (Mac)",
    "mac-latin2": "Central European (Mac)",
    "mac-greek": "Greek (Mac)",
    "mac-turkish": "Turkish (Mac)",
    "cp850": "Western European (DOS 850)",
    "cp852": "Central European (DOS 852)",
    "cp866": "Cyrillic (DOS 866)",
    "cp437": "Western European (DOS 437)",
    "utf-8-sig": "Unicode (UTF-8)",
    "utf-16": "Unicode (UTF-16)",
    "utf-16-le": "Unicode (UTF-16, little endian)",
    "utf-16-be": "Unicode (UTF-16, big endian)",
    "utf-32": "Unicode (UTF-32)",
}
"""Python's names, the commoner ones first, and what people call them."""

LONGEST_LIST_LINE = 2_000_000
"""Characters."""

MOST_LIST_LINES = 10_000_000
"""Blank ones, too: to look at so many takes half a minute."""

ODDITY_SEEN = 4_000
"""Characters that are looked at for each likely encoding."""

_WIDER = {
    "utf-8": "utf-8-sig",
    "ascii": "utf-8-sig",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
}
"""Each a part of another, which is what programs write under its name."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as the next but one does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_HIGH = re.compile(rb"[\x80-\xff]")
_WORD = re.compile(r'[^\s,;|"]*[^\x00-\x7f\s,;|"][^\s,;|"]*')


class Reading(NamedTuple):
    """How a file is read. Not `is_sure`: somebody has to look at it."""

    codec: str
    is_sure: bool


class Choice(NamedTuple):
    """A way to read a file, and some of its words read so."""

    codec: str
    label: str
    words: str


def encoding_named(name: str) -> str | None:
    """Ours for a name as people write it, `Windows-1251` or `macintosh`; None for one that is not read."""
    found = codec(name.strip()) or ""
    found = _WIDER.get(found, found)
    return found if found in LIST_ENCODINGS else None


def reading_of(data: BinaryIO) -> Reading:
    """How `data` is to be read; it is left at its beginning."""
    data.seek(0)
    start = data.read(LOOKED_AT)
    for mark, name in _MARKS:
        if start.startswith(mark) and can_be_read_as(data, name):
            return Reading(name, is_sure=True)
    if name := _wide(start):
        return Reading(name, is_sure=can_be_read_as(data, name))
    if b"\x1b$" in start and can_be_read_as(data, "iso2022_jp"):
        return Reading("iso2022_jp", is_sure=False)
    if can_be_read_as(data, "utf-8-sig"):
        return Reading("utf-8-sig", is_sure=True)
    guesses = (name for name in _guesses(_foreign_lines(data)) if can_be_read_as(data, name))
    return Reading(next(guesses, "cp437"), is_sure=False)  # in which every octet is a letter


def _wide(start: bytes) -> str:
    """UTF-16 without its mark, of which every ASCII letter has an octet of 0; "" for all else."""
    if b"\0" not in start:
        return ""
    name = "utf-16-le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16-be"
    text = codecs.getincrementaldecoder(name)("replace").decode(start)
    return "" if "\ufffd" in text or misplaced_in_lines(text) else name


def choices(data: BinaryIO) -> list[Choice]:
    """Every way in which `data` may be read, the likely ones first."""
    lines = _foreign_lines(data)
    guesses = dict.fromkeys([reading_of(data).codec, *_guesses(lines), *LIST_ENCODINGS])
    found = []
    for name in guesses:
        try:
            text = lines.decode(name)
        except UnicodeError:
            continue
        if not misplaced_in_lines(text):
            found.append(Choice(name, LIST_ENCODINGS[name], _some_words(text)))
    return found


def _some_words(text: str) -> str:
    words = ", ".join(_WORD.findall(text[:2_000])[:2])[:40]
    return "".join(filter(str.isprintable, words))


def _guesses(lines: bytes) -> Iterator[str]:
    # Here, because it takes its time to load, and a file in UTF-8 does not need it.
    from charset_normalizer import from_bytes

    ours = {name.replace("-", "_"): name for name in LIST_ENCODINGS if not name.startswith("utf")}
    matches = from_bytes(
        lines, cp_isolation=list(ours), threshold=0.9, preemptive_behaviour=False, enable_fallback=False
    )
    order = list(LIST_ENCODINGS)
    ranked = [
        (round(match.chaos + _oddity(str(match)), 1), order.index(ours[name]))
        for match in matches
        for name in match.could_be_from_charset  # those that read the same
    ]
    yield from (order[place] for _, place in sorted(ranked))


def _oddity(text: str) -> float:
    """How many of the neighbours in `text` stand together in nobody's words, from 0 to 1.

    Two Latin letters with accents, letters of two scripts, a sign within a word.
    """
    pairs = [pair for pair in pairwise(text[:ODDITY_SEEN]) if not "".join(pair).isascii()]
    return sum(starmap(_are_odd, pairs)) / max(len(pairs), 1)


def _are_odd(one: str, other: str) -> bool:
    if not (one.isalpha() and other.isalpha()):
        return one.isalpha() != other.isalpha() and not (one if other.isalpha() else other).isascii()
    latin = [unicodedata.name(letter, "").startswith("LATIN") for letter in (one, other)]
    return latin[0] != latin[1] or (all(latin) and not one.isascii() and not other.isascii())


def _foreign_lines(data: BinaryIO) -> bytes:
    """The first lines that are not ASCII: what tells one encoding from another."""
    found, size = [], 0
    data.seek(0)
    while size < LOOKED_AT and (line := data.readline(LOOKED_AT)):
        if _HIGH.search(line) or b"\x1b" in line:
            found.append(line)
            size += len(line)
    data.seek(0)
    return b"".join(found)


def is_oversized(data: BinaryIO, encoding: str) -> bool:
    """Whether a line is so long that it should be in nobody's memory, or lines are too many to be looked at.
    It is left at its beginning.
    """
    decoder, length, lines = codecs.getincrementaldecoder(encoding)("replace"), 0, 0
    data.seek(0)
    try:
        while chunk := data.read(DECODED_AT_ONCE):
            text = decoder.decode(chunk)
            ends = [at for end in "\r\n" if (at := text.rfind(end)) >= 0]
            first = min((text.find(text[at]) for at in ends), default=len(text))
            lines += max(text.count("\n"), text.count("\r"))
            if length + first > LONGEST_LIST_LINE or lines > MOST_LIST_LINES:
                return True
            length = len(text) - max(ends) - 1 if ends else length + len(text)
        return False
    finally:
        data.seek(0)


def can_be_read_as(data: BinaryIO, encoding: str) -> bool:
    """Whether all of it means something in this encoding. It is left at its beginning."""
    decoder = codecs.getincrementaldecoder(encoding)()
    data.seek(0)
    try:
        while chunk := data.read(DECODED_AT_ONCE):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    finally:
        data.seek(0)
    return True
