"""Content-Type and its kin (RFC 2045, 5.1): a value, then parameters; linear in the field's length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Possessive, so that no value makes it look twice; what does not close ends with the field.
_PIECE = re.compile(r'(?:[^";(]++|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|\((?:[^()\\]|\\.)*+\)?)++', re.DOTALL)
_COMMENTING = re.compile(r'\\.|[()"]', re.DOTALL).finditer
_IN_QUOTES = re.compile(r'(?:[^";]++|"[^"]*+"?)++').findall
_PARAMETER = re.compile(r"[ \t\r\n]*+([^\x00-\x20=\x7f-\U0010ffff]++)[ \t\r\n]*+=[ \t\r\n]*+(.*)", re.DOTALL)


class Parameter(NamedTuple):
    """`text` is all of it between two semicolons; `name` is lower case, "" where there is none."""

    text: str
    name: str = ""
    value: str = ""  # without its quotes


def parameters(body: str) -> Iterator[Parameter]:
    """What stands between the semicolons of a field's body, the value before the first included."""
    for found in _PIECE.finditer(body):
        text = found[0]
        match = _PARAMETER.fullmatch(text)
        yield Parameter(text, match[1].lower(), _unquoted(match[2])) if match else Parameter(text)


def _unquoted(value: str) -> str:
    value = value.strip(" \t\r\n")
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'), flags=re.DOTALL)
    # Other scripts have no place without quotes: who puts them there means all that follows.
    return value.partition(" ")[0].partition("(")[0] if value.isascii() else value


def parameter(body: str, name: str) -> str | None:
    """The first of this name; its plain form only."""
    return next((one.value for one in parameters(body) if one.name == name), None)


def content_type(body: str | None) -> str:
    """`type/subtype` in lower case; text/plain where there is none (RFC 2045, 5.2)."""
    kind = (body or "").partition(";")[0].partition("(")[0].strip().lower()
    return kind if re.fullmatch(r"[!-.0-~]++/[!-.0-~]++", kind) else "text/plain"


def readings(body: str) -> Iterator[Sequence[Parameter]]:
    """Its parameters in each way in which programs find them: as the standard has it; with comments, or with
    quotes, as mere letters; with a quote behind a backslash as none; with any blank for a blank.
    """
    yield list(parameters(body))
    for text in dict.fromkeys((body, without_comments(body))):
        yield [_loosely(piece) for piece in text.split(";") if "=" in piece]
        yield [_loosely(piece) for piece in _IN_QUOTES(text) if "=" in piece]
        if '\\"' in text:
            yield [_loosely(piece) for piece in _IN_QUOTES(text.replace('\\"', "\\'")) if "=" in piece]


def _loosely(text: str) -> Parameter:
    name, _, value = text.partition("=")
    value = value.strip()
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return Parameter(text, name.strip().lower(), value[1:-1] if is_quoted else value)


def without_comments(body: str) -> str:
    """Without what stands in parentheses outside of quotes; one that does not close ends with the field."""
    kept: list[str] = []
    depth, at, is_quoted = 0, 0, False
    for found in _COMMENTING(body):
        if found[0] == '"' and not depth:
            is_quoted = not is_quoted
        elif found[0] == "(" and not is_quoted:
            if not depth:
                kept.append(body[at : found.start()])
            depth += 1
        elif found[0] == ")" and depth:
            depth -= 1
            at = found.end()
    return "".join(kept if depth else [*kept, body[at:]])
