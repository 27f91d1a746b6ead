"""Words of others as they are printed for people: a spreadsheet's cell, what is wrong with it."""

from __future__ import annotations

import json
import re
from typing import Any

import click

_MOVES_A_TERMINAL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_ESCAPED_IN_JSON = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""JSON escapes the others by itself."""


def in_a_line(text: str) -> str:
    """The text with a mark for what a terminal would obey, or read backwards."""
    return _MOVES_A_TERMINAL.sub("\N{REPLACEMENT CHARACTER}", text)


def print_line(text: str) -> None:
    click.echo(in_a_line(text))


def print_json(value: Any, indent: int | None = None) -> None:
    """Who reads it as JSON reads the same; a terminal obeys nothing of it."""
    written = json.dumps(value, indent=indent, ensure_ascii=False)
    click.echo(_ESCAPED_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", written))
