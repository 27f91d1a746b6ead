"""Filling a stored template: with the values of one mail, or with what many mails have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mailroom.content.merge.plain import MergeError, Value, Values, names_used, value_of
from mailroom.content.merge.tags import parse_template, refuse_overfull, tags_in
from mailroom.content.templates.slots import with_defaults
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
    lacking = {key: value for key, value in letter.fallbacks.items() if value_of(given, key) in (None, "")}
    return {**given, **lacking} if lacking else dict(given)


def missing_in(names: Iterable[str], values: Values) -> list[str]:
    """Those of `names` that have no value. An empty one is a value."""
    return [name for name in names if value_of(values, name) is None]


def names_wanted(*sources: str) -> list[str]:
    """What all these texts together want values for. Raises MergeError for bad Liquid."""
    return list(dict.fromkeys(name for source in sources for name in tags_in(source)))


def filled(letter: TemplateLetter, given: Values) -> FilledLetter:
    """Strict: raises MissingValues, and MergeError where the values do not fit. Its slots hold what they hold
    by themselves.
    """
    values = with_fallbacks(letter, given)
    subject, text, html = letter.subject, with_defaults(letter.text), with_defaults(letter.html)
    if missing := missing_in(names_wanted(subject, text, html), values):
        raise MissingValues(missing)
    return FilledLetter(_filled(subject, values), _filled(text, values), _filled(html, values, html=True))


def _filled(source: str, values: Values, *, html: bool = False) -> str:
    template = parse_template(source, html=html)
    if template is None:
        return source
    refuse_overfull(names_used(template).items(), values)
    return str(template.render(values)).replace("\r\n", "\n")
