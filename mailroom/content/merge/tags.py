"""Merge tags: `{{ first_name }}`, and Liquid for those who need more.

A template of plain tags only, as most are, is cut into pieces once and joined per
recipient; Liquid does the rest (liquid.py), with the same result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from mailroom.content.merge.braces import two_braces
from mailroom.content.merge.names import identifier
from mailroom.content.merge.plain import (
    LiquidLike,
    MergeError,
    PlainTemplate,
    Values,
    crlf,
    names_used,
    text_of,
    value_of,
)

TAGS_OF_EVERYBODY = ("email", "name")
"""Tags that every recipient of an individual mailing has."""

FILLED = 1 << 20
"""Characters of values that the plain tags of one mail may put in: it takes few to put one in often."""

MOST_PLAIN_TAGS = 50_000
PLAIN_SOURCE = 8 << 20
"""Plain tags of a text, and its characters: it is cut at each, and much of it made anew for everybody."""

_PLAIN_TAG = re.compile(r"\{\{\s*+([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*+)\s*+\}\}")
"""Possessive throughout: some blanks count as letters of a name, too, and a thousand of them would be tried
in a billion ways.
"""
_AS_HEADING = re.compile(r"\{\{-?([^{}|\r\n]{1,100})")
_LIQUID_WORDS = {"true", "false", "nil", "null", "empty", "blank"}


def parse_template(source: str, *, html: bool = False) -> PlainTemplate | LiquidLike | None:
    """None: no tags, so `source` is what everybody gets. Raises MergeError for bad Liquid."""
    if not has_tags(source):
        return None
    source = crlf(source)
    if (pieces := plain_pieces(source)) is not None:
        return PlainTemplate(pieces, html=html)
    from mailroom.content.merge.liquid import LiquidTemplate  # loads a quarter second long

    return LiquidTemplate(source, html=html)


def is_plain(source: str) -> bool:
    """Whether it has no tags, or only names: it costs next to nothing to render."""
    return not has_tags(source) or plain_pieces(source) is not None


def has_tags(source: str) -> bool:
    return "{{" in source or "{%" in source


def plain_pieces(source: str) -> list[str] | None:
    """`source` cut at its tags, or None when it has any that are more than a name."""
    if len(source) > PLAIN_SOURCE or source.count("{{") > MOST_PLAIN_TAGS:
        return None  # Liquid refuses it
    pieces = _PLAIN_TAG.split(two_braces(source))
    texts, names = pieces[::2], pieces[1::2]
    if any("{{" in text or "{%" in text for text in texts) or not _LIQUID_WORDS.isdisjoint(names):
        return None
    if any(text.endswith("{") for text in texts[:-1]):
        return None
    return pieces


def tags_in(source: str) -> list[str]:
    """The names that `source` wants values for, each once. Raises MergeError for bad Liquid."""
    if not has_tags(source):
        return []
    if (pieces := plain_pieces(source)) is not None:
        return list(dict.fromkeys(pieces[1::2]))
    from mailroom.content.merge.liquid import names_in

    return names_in(source)


def unknown_tags(source: str, columns: list[str]) -> list[str]:
    """The tags in `source` that no recipient has a value for. Raises MergeError for bad Liquid."""
    known = {*TAGS_OF_EVERYBODY, *columns}
    return [name for name in tags_in(source) if name not in known and identifier(name) not in known]


def heading_hint(source: str, columns: list[str]) -> str:
    """How a tag is written that stands there as its heading does: `{{ First Name }}`; "" when none does."""
    known = {*TAGS_OF_EVERYBODY, *columns}
    for found in _AS_HEADING.finditer(source):
        heading = found[1].strip()
        if (name := identifier(heading)) in known and not _PLAIN_TAG.fullmatch(f"{{{{ {heading} }}}}"):
            return f"The tag for “{heading}” is {{{{ {name} }}}}: letters, digits and _ only."
    return ""


def refuse_overfull(uses: Iterable[tuple[str, int]], values: Values) -> None:
    """Raises MergeError when the values are too much text, each as often as its tag is used."""
    try:
        filled = sum([times * len(values[name]) for name, times in uses])  # type: ignore[arg-type, misc]
    except (KeyError, TypeError):  # a value that is not there, or is no text
        filled = sum([times * len(text_of(value_of(values, name))) for name, times in uses])
    if filled > FILLED:
        raise MergeError(
            f"The merge tags put in {filled:,} characters for this recipient, and {FILLED:,} is the most. "
            "Use long values less often, or shorten them."
        )


def trial(source: str, people: Iterable[tuple[str, Values]], *, html: bool = False) -> str:
    """What goes wrong when `source` is rendered for the first of these people (address, values) that
    it does not work for; "" when it works for all.
    """
    template = parse_template(source, html=html)
    if template is None:
        return ""
    uses = names_used(template).items()
    is_plain_one = isinstance(template, PlainTemplate)

    def attempt(values: Values) -> None:
        refuse_overfull(uses, values)
        if not is_plain_one:
            template.render(values)

    return first_refusal(attempt, people)


def first_refusal(attempt: Callable[[Values], object], people: Iterable[tuple[str, Values]]) -> str:
    """The first of these people (address, values) whom `attempt` raises MergeError for, and why."""
    for address, values in people:
        try:
            attempt(values)
        except MergeError as trouble:
            return f"Tried for {address}. {trouble}"
    return ""
