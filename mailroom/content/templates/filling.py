"""Filling a stored template: with the values of one mail, or with what many mails have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mailroom.content.merge.names import identifier
from mailroom.content.merge.plain import MergeError, Value, Values, names_used
from mailroom.content.merge.tags import parse_template, refuse_overfull, tags_in
from mailroom.content.templates.template_letter import TemplateLetter

NAMES_SHOWN = 10


class MissingValues(MergeError):
    """Nobody gave these variables a value, and they have no fallback."""

    def __init__(self, names: list[str]) -> None:
        shown = ", ".join(name[:80] for name in names[:NAMES_SHOWN])
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        super().__init__(f"The template wants a value for {shown}{more}.")
        self.names = names


class FilledLetter(NamedTuple):
    """What one mail says."""

    subject: str
    text: str
    html: str


def with_fallbacks(letter: TemplateLetter, given: Values) -> dict[str, Value]:
    """The values, and the fallback of each that is missing or empty."""
    lacking = {key: value for key, value in letter.fallbacks.items() if given.get(key) in (None, "")}
    return {**given, **lacking} if lacking else dict(given)


def missing_in(names: Iterable[str], values: Values) -> list[str]:
    """Those of `names` that have no value. An empty one is a value."""
    return [name for name in names if values.get(name) is None and values.get(identifier(name)) is None]


def names_wanted(*sources: str) -> list[str]:
    """What all these texts together want values for. Raises MergeError for bad Liquid."""
    return list(dict.fromkeys(name for source in sources for name in tags_in(source)))


def filled(letter: TemplateLetter, given: Values) -> FilledLetter:
    """Strict: raises MissingValues, and MergeError where the values do not fit."""
    values = with_fallbacks(letter, given)
    if missing := missing_in(names_wanted(letter.subject, letter.text, letter.html), values):
        raise MissingValues(missing)
    return FilledLetter(
        _filled(letter.subject, values), _filled(letter.text, values), _filled(letter.html, values, html=True)
    )


def _filled(source: str, values: Values, *, html: bool = False) -> str:
    template = parse_template(source, html=html)
    if template is None:
        return source
    refuse_overfull(names_used(template).items(), values)
    return str(template.render(values)).replace("\r\n", "\n")
