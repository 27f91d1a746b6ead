"""Names of files that a part's own fields give it, in every way in which a program may read them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from mailroom.content.header.parameters import parameters
from mailroom.content.header.words import codec

NAMING_FIELDS = ("content-type", "content-disposition", "content-description")

_NAMING = re.compile(r"(?:file)?name(?=\*|\Z)").match
may_say_more = re.compile(rb"[^\t\r\n\x20-\x7e]|=\?|\*").search
"""Of a field: without any of these its octets are what is seen."""


def part_names(field: str, value: str) -> list[str]:
    """What `value`, the body of the field of this name, calls its part: as it stands, and by RFC 2231."""
    return [value] if field == "content-description" else [value, *_of_parameters(value)]


def _of_parameters(value: str) -> Iterator[str]:
    """Continuations in the order of their numbers."""
    several: defaultdict[str, list[tuple[int, bool, str]]] = defaultdict(list)
    for one in parameters(value):
        if _NAMING(one.name):
            name, *ways = one.name.split("*")
            number = next((int(way) for way in ways if way.isdecimal() and len(way) < 6), 0)
            several[name + "*" * bool(ways)].append((number, one.name.endswith("*"), one.value))
    for pieces in several.values():
        yield _together(sorted(pieces, key=lambda piece: piece[0]))


def _together(pieces: list[tuple[int, bool, str]]) -> str:
    if not any(is_encoded for _, is_encoded, _ in pieces):
        return "".join(text for _, _, text in pieces)
    charset, octets = "utf-8", list[bytes]()
    for place, (_, is_encoded, text) in enumerate(pieces):
        if is_encoded and not place and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        octets.append(unquote_to_bytes(text) if is_encoded else text.encode("utf-8", "replace"))
    try:
        return b"".join(octets).decode(codec(charset) or "utf-8", "replace")
    except UnicodeError:
        return b"".join(octets).decode("utf-8", "replace")
