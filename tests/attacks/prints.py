"""Where a template prints a value, and into what: text, an attribute, an address, a script, a style.

Both kinds of print are found: Jinja's {{ }}, and the <%= %> and <%- %> of rows that a browser
makes of a <script type="text/template">.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple

COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
PRINT = re.compile(r"\{\{[-+]?(.*?)[-+]?\}\}|<%[=-](.*?)%>", re.DOTALL)
STATEMENT = re.compile(r"\{%.*?%\}|<%.*?%>", re.DOTALL)
MARK = re.compile(r"print(\d+)here")
QUOTED = re.compile(r"=\s*(\"[^\"]*\"|'[^']*')")
ADDRESSES = {"href", "src", "action", "formaction", "data", "poster", "srcset", "cite", "background", "ping"}


class Print(NamedTuple):
    context: str
    """text, script, style, tag (a name, or an attribute without quotes), @name of an attribute"""
    value: str
    stands_first: bool
    """In an attribute: whether it decides what kind of address it is."""


def prints(source: str, is_script: bool = False) -> list[Print]:
    """Every print of a template, in its order."""
    values: list[str] = []

    def mark(found: re.Match[str]) -> str:
        values.append(" ".join((found[1] or found[2] or "").split()))
        return f"print{len(values) - 1}here"

    marked = STATEMENT.sub("", PRINT.sub(mark, COMMENT.sub("", source)))
    if is_script:
        found = [("script", int(number), False) for number in MARK.findall(marked)]
    else:
        found = list(_in_html(marked))
    assert sorted(number for _, number, _ in found) == list(range(len(values))), "a print was not found again"
    return [Print(context, values[number], first) for context, number, first in found]


def _in_html(marked: str) -> Iterator[tuple[str, int, bool]]:
    reader = _Reader(marked)
    yield from reader.found
    for row in reader.rows:
        yield from _in_html(row)


class _Reader(HTMLParser):
    def __init__(self, marked: str) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[str, int, bool]] = []
        self.rows: list[str] = []
        self._inside = "text"
        self.feed(marked)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        source = self.get_starttag_text() or ""
        quoted = {
            int(n) for part in re.findall(r"=\s*(\"[^\"]*\"|'[^']*')", source) for n in MARK.findall(part)
        }
        for name, value in attributes:
            for found in MARK.finditer(value or ""):
                number = int(found[1])
                self._note(f"@{name}" if number in quoted else "tag", number, found.start() == 0)
        seen = {number for _, number, _ in self.found}
        for number in map(int, MARK.findall(source)):
            if number not in seen:
                self._note("tag", number)
        is_row = dict(attributes).get("type") == "text/template"
        self._inside = ("row" if is_row else tag) if tag in ("script", "style") else "text"

    def handle_endtag(self, tag: str) -> None:
        self._inside = "text"

    def handle_data(self, data: str) -> None:
        if self._inside == "row":
            self.rows.append(data)
            return
        for number in MARK.findall(data):
            self._note(self._inside, int(number))

    def _note(self, context: str, number: int, first: bool = False) -> None:
        self.found.append((context, number, first))
