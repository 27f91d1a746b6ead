"""Syslog's heads: when, on which machine, by which program. RFC 3164 (with ISO 8601 too) and RFC 5424."""

from __future__ import annotations

import re
from typing import NamedTuple


class Entry(NamedTuple):
    at: str
    host: str
    program: str
    text: str


LOGGED_ADDRESS = r'"(?:[^"\\]|\\.)*"@[^<>"\s]*|[^<>"\s]*'
"""Between angle brackets, as programs write it that keep its quotes."""

_HEAD = re.compile(
    r"(?:<\d{1,3}>)?(?P<version>1 )?"
    r"(?P<at>[A-Z][a-z]{2} [ \d]\d(?: \d{4})? \d\d:\d\d:\d\d"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?\d{0,3}(?:Z|[+-]\d\d:?\d\d)?)"
    r" (?P<host>\S+) (?P<program>[^\s:\[\]]+)"
    r"(?:(?:\[\d+\])?: "
    r'|(?(version) \S+ \S+ (?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+) (?:\ufeff)?|(?!)))'
)


def entry_of(line: str) -> Entry | None:
    """None: it is no line of syslog's."""
    found = _HEAD.match(line)
    if found is None:
        return None
    return Entry(found["at"], found["host"], found["program"], line[found.end() :])
