"""The cell of a table that holds an address, or several."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.recipients.entries import entries

GOOGLE_S = ":::"
"""Between the addresses of one cell, in Google's exports."""

_BETWEEN = re.compile(rf"{GOOGLE_S}|[\r\n]+| / ")
"""Beside commas and semicolons."""

_BLANKS = re.compile(r"\s+")


def parts_of(cell: str) -> Iterator[str]:
    """Each of a cell's addresses as it is written, bare or with its name, and what is none."""
    if cell.count("@") < 2 and GOOGLE_S not in cell:
        yield cell.strip(" \t;,")
        return
    for piece in _BETWEEN.split(cell):
        for _, entry in entries(piece):
            words = _BLANKS.split(entry)
            if len(words) > 1 and all(map(is_address, words)):
                yield from words
            else:
                yield entry


def holds_address(cell: str) -> bool:
    """Whether one address stands in it, or several."""
    return "@" in cell and any(map(is_address, parts_of(cell)))


def is_address(text: str) -> bool:
    return address_in(text) is not None


def address_in(text: str) -> Address | None:
    try:
        return parse_address(text)
    except AddressError:
        return None
