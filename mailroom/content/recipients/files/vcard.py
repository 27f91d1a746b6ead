"""vCards (RFC 6350, and 2.1 and 3.0 before it) as a table: a row for each person, read line by line.

Only what a letter needs. A damaged card costs itself and no other, and a picture in it is passed over.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import BinaryIO

from mailroom.content.header.words import codec
from mailroom.content.recipients.cells import GOOGLE_S
from mailroom.content.recipients.files.csv_encoding import LIST_ENCODINGS, can_be_read_as, is_oversized
from mailroom.content.recipients.files.csv_file import OVERSIZED, text_of
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.table import Numbered, Wishes, read_table

LONGEST_PROPERTY = 10_000
"""Characters of one line, unfolded, that are looked at; what is longer is a picture or a key."""

LONGEST_OPTIONS = 500
"""Characters before a property's value, in which it may say that it is quoted-printable."""

_FIELDS = {"FN": 1, "ORG": 4, "TITLE": 5, "TEL": 6, "BDAY": 7}
_HEADINGS = ["email", "name", "first name", "last name", "organization", "title", "phone", "birthday"]

_PROPERTY = re.compile(r"(?:[\w-]+\.)?([\w-]+)((?:;[^:\";]*(?:\"[^\"]*\"[^:\";]*)*)*):(.*)", re.S).fullmatch
_ESCAPED = re.compile(r"\\(.)", re.S)
_CHARSET = re.compile(r";CHARSET=\"?([\w-]+)", re.I).search
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)").match


def parse_vcard(data: BinaryIO, encoding: str, wishes: Wishes) -> Parsed:
    """Everybody who has an address: a person with several gets it at each, as from a cell of several."""
    parsed = Parsed()
    if not can_be_read_as(data, encoding):
        return parsed.refuse(
            f"This file cannot be read as {LIST_ENCODINGS[encoding]}: choose another way to read it."
        )
    if is_oversized(data, encoding):
        return parsed.refuse(OVERSIZED)
    return read_table(partial(_rows, data, encoding), parsed, wishes)


def _rows(data: BinaryIO, encoding: str, parsed: Parsed) -> Generator[Numbered]:
    yield 1, _HEADINGS
    with text_of(data, encoding) as text:
        row: list[str] | None = None
        addresses: list[str] = []
        for line, unfolded in _unfolded(text):
            found = _PROPERTY(unfolded)
            if found is None:
                continue
            name, options, value = found[1].upper(), found[2], found[3]
            if name == "BEGIN":
                begun, row, addresses = line, [""] * len(_HEADINGS), []
            elif name == "END" and row is not None and value.strip().upper() == "VCARD":
                yield begun, [f" {GOOGLE_S} ".join(addresses), *row[1:]]
                row = None
            elif row is not None and name == "EMAIL":
                addresses.append(_unescaped(_plain(value, options)))
            elif row is not None:
                _take(row, name, _plain(value, options))


def _unfolded(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Properties with the line they begin on. Their parts begin with a blank, or follow a soft line break."""
    begun, held = 1, ""
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")[:LONGEST_PROPERTY]
        is_soft = held.endswith("=") and _is_quoted(held)
        if text[:1] in (" ", "\t") or is_soft:
            held = (
                held.removesuffix("=") + (text if is_soft else text[1:])
                if len(held) < LONGEST_PROPERTY
                else held
            )
            continue
        yield begun, held
        begun, held = number, text
    yield begun, held


def _is_quoted(held: str) -> bool:
    return "QUOTED-PRINTABLE" in held[:LONGEST_OPTIONS].partition(":")[0].upper()


def _plain(value: str, options: str) -> str:
    if "QUOTED-PRINTABLE" not in options.upper():
        return value
    named = _CHARSET(options)
    return a2b_qp(value.encode("utf-8", "replace")).decode(
        codec(named[1]) or "utf-8" if named else "utf-8", "replace"
    )


def _take(row: list[str], name: str, value: str) -> None:
    if name == "N":
        last, first, *_ = [*_parts(value), "", ""]
        row[2], row[3] = first, last
    elif name == "ORG":
        row[4] = row[4] or ", ".join(filter(None, _parts(value)))
    elif name == "BDAY":
        date = _DATE(value)
        row[7] = "-".join(date.groups()) if date else ""
    elif (place := _FIELDS.get(name)) is not None:
        row[place] = row[place] or _unescaped(value).removeprefix("tel:")


def _parts(value: str) -> list[str]:
    return [_unescaped(part) for part in re.split(r"(?<!\\);", value)]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text).strip()
