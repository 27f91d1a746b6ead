"""Header fields as lines, `X-Campaign: June`, as they stand in a mail and as people type them."""

from __future__ import annotations

from collections.abc import Iterable

Pairs = Iterable[tuple[str, str]]

LINE_SHOWN = 80
"""Characters of a line that is none."""


def as_lines(headers: Pairs) -> str:
    """Of headers that are ones (check.py): no name has a colon, and no value a line break."""
    return "\n".join(f"{name}: {value}" for name, value in headers)


def headers_in(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Names and values. Raises ValueError, with what to do."""
    return tuple(map(_header, lines))


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise ValueError(f'write “{line.strip()[:LINE_SHOWN]}” like "X-Campaign: June".')
    return name.strip(), value.strip()
