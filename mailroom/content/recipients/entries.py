"""Entries of a text in which people are listed: one a line, or separated by commas or semicolons."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A quoted name and an address in angle brackets may hold separators. The bounds keep a
# line of a million quotes from taking hours, and what is possessive keeps no way back in memory.
_PROTECTED = r'"[^"\\]{0,300}+(?:\\.[^"\\]{0,300}+){0,20}+"|<[^<>]{0,300}+>'
_BY_SEMICOLON = re.compile(rf"(?:{_PROTECTED}|[^;\"<]++|[^;])++")
_BY_COMMA = re.compile(rf"(?:{_PROTECTED}|[^,\"<]++|[^,])++")
_NEEDS_CARE = re.compile(r"[,;]").search


def entries(text: str) -> Iterator[tuple[int, str]]:
    """What stands in `text` one by one, with its line."""
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
