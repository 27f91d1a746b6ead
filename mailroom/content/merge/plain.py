"""Plain templates: text cut at its tags, each of them a name, and joined again for every recipient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

from markupsafe import escape

from mailroom.content.merge.names import identifier

Value = str | int | float | bool | None
"""As a spreadsheet or JSON has it."""

Values = Mapping[str, Value]


class MergeError(ValueError):
    """This recipient's values do not fit the template; `str()` is a sentence that says why."""


class Template(Protocol):
    def render(self, values: Values) -> str:
        """The text for one recipient; a missing value is empty. Raises MergeError."""


class LiquidLike(Template, Protocol):
    """One that knows which lines it leaves as they are, whoever they are for."""

    @property
    def whole_lines(self) -> Sequence[str]: ...

    def runs(self, values: Values) -> list[str]:
        """The text cut where they stand, each of them as it is in `whole_lines`. Raises MergeError."""


_heading_tag = lru_cache(maxsize=1_000)(identifier)


class PlainTemplate:
    """`pieces` alternate: text, the name of a tag, text, ..., text."""

    __slots__ = ("_slots", "_texts", "html", "pieces")

    def __init__(self, pieces: list[str], *, html: bool) -> None:
        self.pieces, self.html = pieces, html
        self._slots = [(at, pieces[at]) for at in range(1, len(pieces), 2)]
        self._texts = pieces

    def render(self, values: Values) -> str:
        texts, html = self._texts.copy(), self.html
        for at, name in self._slots:
            value = values[name] if name in values else value_of(values, name)
            if type(value) is not str or "\n" in value or "\r" in value:
                value = text_of(value)
            # Letters and digits need no escaping, and most values are nothing else.
            texts[at] = escape(value) if html and not value.isalnum() else value
        return "".join(texts)


def names_used(template: Template | None) -> Counter[str]:
    """How often each name is put in; of plain tags only, for Liquid counts by itself."""
    return Counter(template.pieces[1::2]) if isinstance(template, PlainTemplate) else Counter()


def value_of(values: Values, name: str) -> Value:
    """The value for a tag of this name, or of a tag that is written as its column's heading is."""
    return values[name] if name in values else values.get(_heading_tag(name))


def text_of(value: object) -> str:
    """A value as it goes into a mail, its line ends all CRLF."""
    if type(value) is not str:
        return _written(value)
    return crlf(value) if "\n" in value or "\r" in value else value


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = float.__repr__(value)
        return format(Decimal(text), "f") if "e" in text else text  # 0.00001, not 1e-05
    return crlf(str(value))


def crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
