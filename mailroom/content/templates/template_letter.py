"""A stored template's letter, whose tags nobody has filled yet, and the variables that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mailroom.content.check import Finding
from mailroom.content.content import LONGEST_SUBJECT
from mailroom.content.merge.plain import MergeError, Value
from mailroom.content.merge.tags import tags_in
from mailroom.content.templates.slots import with_defaults
from mailroom.content.text.characters import misplaced, misplaced_in_lines

MOST_TEMPLATE_VARIABLES = 50
LONGEST_TEMPLATE_NAME, LONGEST_ALIAS = 200, 100
LONGEST_FALLBACK = 2_000
LONGEST_TEMPLATE_BODY = 1 << 20
"""Characters."""

TEXT_KIND, NUMBER_KIND, BOOLEAN_KIND = "string", "number", "boolean"
KINDS = {TEXT_KIND: (str,), NUMBER_KIND: (int, float), BOOLEAN_KIND: (bool,)}
"""Kinds of variables, and what their values are in Python."""


@dataclass(frozen=True, slots=True)
class TemplateVariable:
    """A value that the letter wants. `fallback`: what stands in for a missing one; None: nothing does."""

    key: str
    kind: str = TEXT_KIND
    fallback: Value = None


@dataclass(frozen=True, slots=True)
class TemplateLetter:
    """`sender`, `reply_to`: as people write addresses; "" and () leave them to whoever sends. `written`: what
    its HTML and text were made of (see writing/written_template.py); None: they are as somebody wrote them.
    """

    sender: str = ""
    reply_to: tuple[str, ...] = ()
    subject: str = ""
    html: str = ""
    text: str = ""
    variables: tuple[TemplateVariable, ...] = ()
    written: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        kept = {
            "sender": self.sender,
            "reply_to": list(self.reply_to),
            "subject": self.subject,
            "html": self.html,
            "text": self.text,
            "variables": [[one.key, one.kind, one.fallback] for one in self.variables],
        }
        return kept if self.written is None else {**kept, "written": dict(self.written)}

    @property
    def fallbacks(self) -> dict[str, Value]:
        return {one.key: one.fallback for one in self.variables if one.fallback is not None}


def letter_of(kept: Mapping[str, Any]) -> TemplateLetter:
    """The letter that `as_json` was made of."""
    return TemplateLetter(
        **{
            **kept,
            "reply_to": tuple(kept["reply_to"]),
            "variables": tuple(TemplateVariable(*one) for one in kept["variables"]),
        }
    )


def name_of_copy(name: str) -> str:
    """What a copy of the template of this name is called."""
    return f"Copy of {name}"[:LONGEST_TEMPLATE_NAME]


def kind_of(value: Value) -> str:
    """The kind of a variable that has this fallback and says no kind."""
    for kind, types in ((BOOLEAN_KIND, bool), (NUMBER_KIND, (int, float))):
        if isinstance(value, types):
            return kind
    return TEXT_KIND


def is_of_kind(value: Value, kind: str) -> bool:
    if value is None:
        return True
    return isinstance(value, KINDS[kind]) and (kind == BOOLEAN_KIND) == isinstance(value, bool)


def problems_of(letter: TemplateLetter) -> list[Finding]:
    """Every problem as (field, sentence); empty when the letter can be kept."""
    return [*_problems_of_variables(letter), *_problems_of_texts(letter)]


def _problems_of_variables(letter: TemplateLetter) -> Iterator[Finding]:
    keys = [one.key for one in letter.variables]
    if twice := next((key for key in keys if keys.count(key) > 1), ""):
        yield "variables", f"There are two variables called {twice}."
    for one in letter.variables:
        if not is_of_kind(one.fallback, one.kind):
            yield "variables", f"The fallback of {one.key} is no {one.kind}."
        if isinstance(one.fallback, str) and len(one.fallback) > LONGEST_FALLBACK:
            yield "variables", f"The fallback of {one.key} has more than {LONGEST_FALLBACK:,} characters."
        elif isinstance(one.fallback, str) and (reason := misplaced_in_lines(one.fallback)):
            yield "variables", f"The fallback of {one.key} {reason}."


def _problems_of_texts(letter: TemplateLetter) -> Iterator[Finding]:
    if any(character in letter.subject for character in "\r\n\0"):
        yield "subject", "The subject cannot contain a line break or another control character."
    elif reason := misplaced(letter.subject):
        yield "subject", f"The subject {reason}."
    if len(letter.subject) > LONGEST_SUBJECT:
        yield "subject", f"The subject has more than {LONGEST_SUBJECT:,} characters."
    for field, source in (("subject", letter.subject), ("text", letter.text), ("html", letter.html)):
        if len(source) > LONGEST_TEMPLATE_BODY:
            yield field, f"A template’s text has at most {LONGEST_TEMPLATE_BODY >> 20} MB."
            continue
        try:
            tags_in(with_defaults(source) if field != "subject" else source)
        except MergeError as trouble:
            yield field, str(trouble)
