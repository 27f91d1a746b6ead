"""The cell of a table that holds an address, or several."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.recipients.entries import entries

GOOGLE_S = ":::"
"""Between the addresses of one cell, in Google's exports."""

PARTS_LOOKED_AT = 100
"""Of a cell, to find out whether it is one of addresses: it is asked several times of the first rows."""

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
    """Whether an address stands in it; one behind so many that are none does not count."""
    return "@" in cell and any(map(is_address, islice(parts_of(cell), PARTS_LOOKED_AT)))


def is_address(text: str) -> bool:
    return address_in(text) is not None


def address_in(text: str) -> Address | None:
    try:
        return parse_address(text)
    except AddressError:
        return None
