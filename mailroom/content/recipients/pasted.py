"""Recipients as people paste them: one a line, or separated by commas or semicolons."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.recipients.parsed import Parsed, Problem, Recipient

# A quoted name and an address in angle brackets may hold separators. The bound keeps a
# line of a million quotes from taking hours.
_PROTECTED = r'"(?:[^"\\]|\\.){0,300}+"|<[^<>]{0,300}+>'
_BY_SEMICOLON = re.compile(rf"(?:{_PROTECTED}|[^;])+")
_BY_COMMA = re.compile(rf"(?:{_PROTECTED}|[^,])+")
_NEEDS_CARE = re.compile(r"[,;]").search

BAD_ENTRY_SHOWN = 200
"""Characters of a bad entry that its problem repeats."""


def parse_pasted(text: str) -> Parsed:
    """Every address in `text`, each once; every entry that is none, with its line."""
    parsed = Parsed()
    lines_of: dict[str, int] = {}
    for place, (number, entry) in enumerate(_entries(text), 1):
        try:
            found = parse_address(entry)
        except AddressError as refusal:
            parsed.problems.note(Problem(number, entry[:BAD_ENTRY_SHOWN], str(refusal), place))
            continue
        if first := lines_of.get(found.key):
            message = f"is on line {first} already"
            parsed.duplicates.note(Problem(number, entry[:BAD_ENTRY_SHOWN], message, place))
            continue
        lines_of[found.key] = number
        parsed.recipients.append(Recipient(found.address, found.name))
        parsed.places.append(place)
    return parsed


def _entries(text: str) -> Iterator[tuple[int, str]]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if not _NEEDS_CARE(line):
            if entry := line.strip():
                yield number, entry
            continue
        for chunk in _BY_SEMICOLON.findall(line):
            for entry in _split_at_commas(chunk):
                if entry := entry.strip():
                    yield number, entry


def _split_at_commas(chunk: str) -> list[str]:
    pieces = _BY_COMMA.findall(chunk)
    *before, last = pieces or [""]
    # Outlook copies names as they are: `Lee, Ann <ann@example.org>; Doe, John <...>`.
    if before and "<" in last and not any("@" in piece for piece in before):
        return [chunk]
    return pieces
