"""Example values: what a preview of a template is filled with where nobody gave a value."""

from __future__ import annotations

from collections.abc import Mapping

from mailroom.content.links.unsubscribe import UNSUBSCRIBE_TAG
from mailroom.content.merge.plain import MergeError, Value
from mailroom.content.templates.filling import names_wanted
from mailroom.content.templates.slots import with_defaults
from mailroom.content.templates.template_letter import BOOLEAN_KIND, NUMBER_KIND, TemplateLetter

OF_EVERYBODY: Mapping[str, Value] = {
    "name": "Ann Lee",
    "email": "ann@example.org",
    UNSUBSCRIBE_TAG: "https://example.org/unsubscribe",
}
OF_KIND: Mapping[str, Value] = {NUMBER_KIND: 1, BOOLEAN_KIND: True}


def wanted_by(letter: TemplateLetter) -> list[str]:
    """The names of what a preview can be filled with; none while the template cannot be read."""
    try:
        return names_wanted(letter.subject, with_defaults(letter.text), with_defaults(letter.html))
    except MergeError:
        return []


def example_values(letter: TemplateLetter, given: Mapping[str, str]) -> dict[str, Value]:
    """A value for everything that the template wants: the given one, its fallback, or its name."""
    kinds = {one.key: one.kind for one in letter.variables}
    return {name: given.get(name) or _example(letter, name, kinds) for name in wanted_by(letter)}


def _example(letter: TemplateLetter, name: str, kinds: Mapping[str, str]) -> Value:
    for values in (letter.fallbacks, OF_EVERYBODY):
        if values.get(name) not in (None, ""):
            return values[name]
    return OF_KIND.get(kinds.get(name, ""), f"[{name}]")
