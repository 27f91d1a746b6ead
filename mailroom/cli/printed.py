"""Words of others as they are printed for people: a spreadsheet's cell, what is wrong with it."""

from __future__ import annotations

import re

import click

_MOVES_A_TERMINAL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


def in_a_line(text: str) -> str:
    """The text with a mark for what a terminal would obey, or read backwards."""
    return _MOVES_A_TERMINAL.sub("\N{REPLACEMENT CHARACTER}", text)


def print_line(text: str) -> None:
    click.echo(in_a_line(text))
