"""Empty values: tags that put nothing into somebody's mail, as in "Hello ,"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailroom.content.check import filled_fields
from mailroom.content.content import Content
from mailroom.content.merge.plain import Values, text_of, value_of
from mailroom.content.merge.tags import plain_pieces
from mailroom.content.preflight.enclosures import seen_text

SHOWN_BESIDE = 24
"""Characters on either side of a tag that are shown with it."""

_ANY_TAG = re.compile(r"\{\{[^{}]*+\}\}|\{%[^{}]*+%\}")


class EmptyTags:
    """Which tags of a letter come out empty for somebody. `unknown`: those that nobody has a value for."""

    def __init__(self, content: Content, unknown: frozenset[str]) -> None:
        from mailroom.content.merge.liquid import names_in
        from mailroom.content.merge.watched import WatchedTemplate

        self._plain: dict[str, None] = {}
        self._liquid: list[tuple[Sequence[str], WatchedTemplate]] = []
        self._content = content
        self._unknown = unknown
        for field, source, _ in filled_fields(content):
            if (pieces := plain_pieces(source)) is not None:
                self._plain |= dict.fromkeys(name for name in pieces[1::2] if name not in unknown)
            else:
                self._liquid.append((names_in(source), WatchedTemplate(source, html=field == "html")))

    def of(self, values: Values) -> set[str]:
        """Raises MergeError where Liquid cannot be filled."""
        found = {name for name in self._plain if _is_empty(value_of(values, name))}
        for names, template in self._liquid:
            if any(_is_empty(value_of(values, name)) for name in names):
                found |= template.emptied(values) - self._unknown
        return found

    def beside(self, name: str) -> str:
        """What stands where it is missing: `Hello ,`."""
        tag = re.compile(rf"\{{\{{-?\s*{re.escape(name)}\b[^{{}}]*+\}}\}}")
        for source in (self._content.text, seen_text(self._content.html), self._content.subject):
            if found := tag.search(source):
                before = source[: found.start()].rpartition("\n")[2]
                after = source[found.end() :].partition("\n")[0]
                return " ".join(f"{_end(before)}{_beginning(after)}".split())
        return ""


def _is_empty(value: object) -> bool:
    return not (value if type(value) is str else text_of(value)).strip()


def _end(text: str) -> str:
    text = _ANY_TAG.sub("…", text)
    return text if len(text) <= SHOWN_BESIDE else f"…{text[-SHOWN_BESIDE:]}"


def _beginning(text: str) -> str:
    text = _ANY_TAG.sub("…", text)
    return text if len(text) <= SHOWN_BESIDE else f"{text[:SHOWN_BESIDE]}…"
