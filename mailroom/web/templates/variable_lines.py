"""Variables of a template as people write them, one a line.

`ORDER`, `NAME = dear customer`, `PRICE: number = 25`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailroom.content.merge.plain import Value, text_of
from mailroom.content.templates.template_letter import (
    BOOLEAN_KIND,
    KINDS,
    MOST_TEMPLATE_VARIABLES,
    NUMBER_KIND,
    TEXT_KIND,
    TemplateVariable,
)

_LINE = re.compile(r"([^\s:=]{1,61})\s*(?::\s*([a-z]{1,20})\s*)?(?:=\s?(.*))?").fullmatch
_KEY = re.compile(r"[^\W\d]\w{0,60}").fullmatch
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?").fullmatch
_BOOLEANS = {"true": True, "false": False}


class BadLine(ValueError):
    """A line that says no variable; `str()` is a sentence."""


def lines_of(variables: Sequence[TemplateVariable]) -> str:
    return "\n".join(map(_line, variables))


def _line(one: TemplateVariable) -> str:
    kind = "" if one.kind == TEXT_KIND else f": {one.kind}"
    fallback = "" if one.fallback is None else f" = {text_of(one.fallback)}".rstrip("\r\n")
    return f"{one.key}{kind}{fallback}".replace("\r\n", " ")


def variables_of(text: str) -> tuple[TemplateVariable, ...]:
    """Raises BadLine."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    found = tuple(_variable(number, line) for number, line in lines if line)
    if len(found) > MOST_TEMPLATE_VARIABLES:
        raise BadLine(f"A template has {MOST_TEMPLATE_VARIABLES} variables at the most.")
    return found


def _variable(number: int, line: str) -> TemplateVariable:
    read = _LINE(line)
    if read is None or _KEY(read[1]) is None:
        raise BadLine(f"Line {number}: write NAME, or NAME = what stands in for a missing value.")
    kind = read[2] or TEXT_KIND
    if kind not in KINDS:
        raise BadLine(f"Line {number}: a variable is a {', a '.join(KINDS)}.")
    return TemplateVariable(read[1], kind, None if read[3] is None else _fallback(number, kind, read[3]))


def _fallback(number: int, kind: str, text: str) -> Value:
    if kind == NUMBER_KIND:
        if (digits := _NUMBER(text.strip())) is None:
            raise BadLine(f"Line {number}: the fallback is no number.")
        return float(text) if digits[1] else int(text)
    if kind == BOOLEAN_KIND:
        if text.strip().lower() not in _BOOLEANS:
            raise BadLine(f"Line {number}: the fallback is true or false.")
        return _BOOLEANS[text.strip().lower()]
    return text
