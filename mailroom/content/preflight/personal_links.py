"""Links that are known for each recipient only: filled with their values, and judged."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from mailroom.content.content import Content
from mailroom.content.merge.plain import MergeError, Template, Values, names_used
from mailroom.content.merge.tags import parse_template, refuse_overfull, tags_in
from mailroom.content.preflight.links import is_decided, links_of, problem_of

LINKS_REMEMBERED = 10_000

LINK_JUDGED = 2_000
"""Characters of a filled link that are looked at: its host is long over by then."""


class PersonalLinks:
    """Those of one letter. They are filled as one text, so that together they may cost what a text may."""

    def __init__(self, content: Content) -> None:
        self._sources = list(_personal(content))
        self._mark = f" {secrets.token_hex(8)} "  # that no value holds
        self._template = _template(self._mark.join(self._sources))
        self._uses = list(names_used(self._template).items())
        self._judged: dict[str, str] = {}

    def odd_for(self, values: Values) -> Iterator[tuple[str, str, str]]:
        """A link as the letter has it, as it is for this recipient, and what is wrong with it."""
        for source, link in zip(self._sources, self._filled(values), strict=False):
            if link and (problem := self._problem_of(link)):
                yield source, link, problem

    def _filled(self, values: Values) -> list[str]:
        """None where they cannot be filled: the letter can, and they may stand where nobody gets them."""
        if self._template is None:
            return []
        try:
            refuse_overfull(self._uses, values)
            filled = self._template.render(values)
        except MergeError:
            return []
        return [link.strip()[:LINK_JUDGED] for link in filled.split(self._mark)]

    def _problem_of(self, link: str) -> str:
        if link not in self._judged:
            if len(self._judged) >= LINKS_REMEMBERED:
                self._judged.clear()
            self._judged[link] = problem_of(link)
        return self._judged[link]


def _template(source: str) -> Template | None:
    try:
        return parse_template(source)
    except MergeError:  # of more tags together than one text can have
        return None


def _personal(content: Content) -> Iterator[str]:
    """What a letter makes of other names than recipients' values is known within the letter only."""
    values = {name for source in (content.text, content.html) for name in tags_in(source)}
    for link in links_of(content):
        if is_decided(link):
            continue
        try:
            parse_template(link)
            names = tags_in(link)
        except MergeError:  # begins or ends a block of Liquid that goes beyond it
            continue
        if values.issuperset(names):
            yield link
