"""Names of files that a part's own fields give it, in every way in which a program may read them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from urllib.parse import unquote_to_bytes

from mailroom.content.header.parameters import Parameter, parameter, parameters, readings
from mailroom.content.header.words import codec
from mailroom.content.whole.fields import Unmailable

NAMING_FIELDS = ("content-type", "content-disposition", "content-description")

_Piece = tuple[int, bool, str]
"""Of a name: its number, whether it is encoded, what it says."""

_NAMING = re.compile(r"(?:file)?name(?=\*|\Z)").match
may_say_more = re.compile(rb"[^\t\r\n\x20-\x7e]|=\?|\*").search
"""Of a field: without any of these its octets are what is seen."""


def part_names(field: str, value: str) -> list[str]:
    """What `value`, the body of the field of this name, calls its part: as it stands, and by RFC 2231, in
    whichever way its parameters are found. Raises Unmailable where of two encoded ones each may be meant.
    """
    if field == "content-description":
        return [value]
    names = [value]
    for found in readings(value):
        for pieces in _pieces(found).values():
            if any(one[0] == other[0] and (one[1] or other[1]) for one, other in pairwise(pieces)):
                raise Unmailable("the name of a file in it is given twice, and not the same")
            names.append(_together(pieces))
    return list(dict.fromkeys(names))


def file_name(disposition: str, kind: str) -> str:
    """As its writer named it, by the bodies of Content-Disposition and Content-Type; "" where it has none."""
    for value, name in ((disposition, "filename"), (kind, "name")):
        plain, pieces = parameter(value, name), _pieces(parameters(value)).get(f"{name}*")
        if plain is not None or pieces:
            return _together(pieces) if plain is None and pieces else plain or ""
    return ""


def _pieces(found: Iterable[Parameter]) -> dict[str, list[_Piece]]:
    """Of each name, with a * where it is written by RFC 2231; continuations in the order of their numbers."""
    several: defaultdict[str, set[_Piece]] = defaultdict(set)
    for one in found:
        if _NAMING(one.name):
            name, *ways = one.name.split("*")
            number = next((int(way) for way in ways if way.isdecimal() and len(way) < 6), 0)
            several[name + "*" * bool(ways)].add((number, one.name.endswith("*"), one.value))
    return {name: sorted(pieces) for name, pieces in several.items()}


def _together(pieces: list[_Piece]) -> str:
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
