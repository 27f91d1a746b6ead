"""MJML as somebody wrote it: what is wrong with it, with its line and its tag.

The library reads what it knows, and drops without a word what it does not: a misspelt tag would be a
paragraph that nobody gets.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from mailroom.content.writing.hidden_tags import HiddenTags

DEEPEST_MJML = 60
"""Elements within elements."""

_COLUMNS = frozenset({"mj-column", "mj-hero"})
_IN_COLUMNS = (
    *("mj-accordion", "mj-button", "mj-carousel", "mj-divider", "mj-image", "mj-navbar", "mj-social"),
    *("mj-spacer", "mj-table", "mj-text"),
)
_HEAD, _BODY = frozenset({"mj-head"}), frozenset({"mj-body"})
PARENTS: dict[str, frozenset[str]] = {
    "mjml": frozenset({""}),
    "mj-head": frozenset({"mjml"}),
    "mj-body": frozenset({"mjml"}),
    **dict.fromkeys(
        ("mj-attributes", "mj-breakpoint", "mj-font", "mj-preview", "mj-style", "mj-title"), _HEAD
    ),
    "mj-html-attributes": _HEAD,
    "mj-selector": frozenset({"mj-html-attributes"}),
    "mj-html-attribute": frozenset({"mj-selector"}),
    **dict.fromkeys(("mj-all", "mj-class"), frozenset({"mj-attributes"})),
    "mj-wrapper": _BODY,
    "mj-hero": _BODY | {"mj-wrapper"},
    "mj-section": _BODY | {"mj-wrapper"},
    "mj-group": frozenset({"mj-section"}),
    "mj-column": frozenset({"mj-section", "mj-group"}),
    **dict.fromkeys(_IN_COLUMNS, _COLUMNS),
    "mj-navbar-link": frozenset({"mj-navbar"}),
    "mj-social-element": frozenset({"mj-social"}),
    "mj-carousel-image": frozenset({"mj-carousel"}),
    "mj-accordion-element": frozenset({"mj-accordion"}),
    "mj-accordion-title": frozenset({"mj-accordion-element"}),
    "mj-accordion-text": frozenset({"mj-accordion-element"}),
}
"""Which element may stand in which. In `mj-attributes` every one stands for its defaults."""

ANYWHERE = {"mj-raw"}
NO_COMMENTS = {"mj-title", "mj-preview", "mj-style"}
_ONLY_ELEMENTS = frozenset(
    {
        *("mjml", "mj-head", "mj-body", "mj-attributes", "mj-wrapper", "mj-section", "mj-group", "mj-column"),
        *("mj-hero", "mj-navbar", "mj-social", "mj-carousel", "mj-accordion", "mj-accordion-element"),
    }
)
VOID = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source"),
        *("track", "wbr"),
    )
)
"""Elements of HTML that hold nothing, and are not closed."""

_NAME = re.compile(r"(/?)([A-Za-z][A-Za-z0-9:-]*+)")
_ATTRIBUTES = re.compile(r"""(?:\s++[^\s"'<>/=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'))?+)*+\s*+(/?)>""")
SOURCE_SHOWN = 60
FOR_SHOWN = 300
"""Characters of a source that a message repeats; and of one in which words stand for tags."""


class MjmlProblem(ValueError):
    """`str()` is a sentence with line and tag."""


class MjmlSource:
    """`ready`: the source for the library, its merge tags hidden. Raises MjmlProblem."""

    def __init__(self, tags: HiddenTags) -> None:
        self._tags, self._source = tags, tags.source
        self._open: list[tuple[str, int]] = []
        self._seen_root = False
        self.ready = "".join(self._pieces())
        if self._open:
            name, at = self._open[-1]
            raise self._refused(at, f"<{name}> is not closed: write </{name}>")
        if not self._seen_root:
            raise MjmlProblem("This is no MJML: it begins with <mjml> and ends with </mjml>.")

    def line_of(self, at: int) -> int:
        """Of the text as its author wrote it, from 1."""
        return self._tags.put_back(self._source[:at]).count("\n") + 1

    def _refused(self, at: int, sentence: str) -> MjmlProblem:
        stop = "" if sentence.endswith("?") else "."
        return MjmlProblem(f"Line {self.line_of(at):,}: {sentence}{stop}")

    def _shown(self, text: str) -> str:
        shown = " ".join(self._tags.put_back(text).split())
        return shown if len(shown) <= SOURCE_SHOWN else f"{shown[:SOURCE_SHOWN]}…"

    def _pieces(self) -> Iterator[str]:
        at = 0
        while (begun := self._source.find("<", at)) >= 0:
            yield self._text(at, begun)
            at = self._element(begun)
            yield self._source[begun:at]
        yield self._text(at, len(self._source))

    def _text(self, start: int, end: int) -> str:
        text, parent = self._source[start:end], self._open[-1][0] if self._open else ""
        if (not parent or parent in _ONLY_ELEMENTS) and self._tags.word.sub("", text).strip():
            at = start + len(text) - len(text.lstrip())
            place = f"in <{parent}>" if parent else "outside of <mjml>"
            raise self._refused(at, f"the text “{self._shown(text)}” stands {place}, where it is not shown")
        return text if parent in NO_COMMENTS else self._tags.commented(text)

    def _element(self, at: int) -> int:
        """Where it ends."""
        source = self._source
        if source.startswith("<!--", at):
            end = source.find("-->", at)
            if end < 0:
                raise self._refused(at, "a comment is not closed: write -->")
            return end + 3
        name = _NAME.match(source, at + 1)
        if name is None:
            shown = self._shown(source[at : at + FOR_SHOWN])
            raise self._refused(at, f"“{shown}” is no tag; write &lt; for a <")
        ended = _ATTRIBUTES.match(source, name.end())
        if ended is None:
            shown = self._shown(source[at : at + FOR_SHOWN].partition("\n")[0])
            raise self._refused(
                at, f"“{shown}” is not a whole tag: its values stand in quotes, and > ends it"
            )
        if name[1]:
            self._close(name[2], at)
        else:
            self._judge(name[2], at)
            if not ended[1] and name[2].lower() not in VOID:
                self._open.append((name[2], at))
        return ended.end()

    def _close(self, name: str, at: int) -> None:
        if not self._open:
            raise self._refused(at, f"</{name}> closes nothing")
        opened, begun = self._open.pop()
        if opened != name:
            line = self.line_of(begun)
            raise self._refused(at, f"</{name}> stands where <{opened}> of line {line:,} is still open")

    def _judge(self, name: str, at: int) -> None:
        parent = self._open[-1][0] if self._open else ""
        if len(self._open) >= DEEPEST_MJML:
            raise self._refused(at, f"<{name}> stands within {DEEPEST_MJML} others; nest them less deeply")
        if name == "mj-include":
            raise self._refused(at, "<mj-include> reads a file, and letters read none: put its content here")
        if not name.startswith(("mj-", "mjml")):
            if not parent or parent in _ONLY_ELEMENTS:
                where = f"in <{parent}>" if parent else "outside of <mjml>"
                raise self._refused(at, f"<{name}> stands {where}; HTML belongs into <mj-text> or <mj-raw>")
            return
        if name in ANYWHERE or (parent == "mj-attributes" and name in PARENTS):
            return
        if name not in PARENTS:
            near = difflib.get_close_matches(name, [*PARENTS, *ANYWHERE], 1)
            raise self._refused(at, f"there is no <{name}>" + (f"; do you mean <{near[0]}>?" if near else ""))
        if parent not in PARENTS[name]:
            places = " or ".join(f"<{one}>" for one in sorted(PARENTS[name])) or "nothing"
            where = f"in <{parent}>" if parent else "outside of all others"
            raise self._refused(at, f"<{name}> stands {where}; it belongs into {places}")
        if name == "mjml":
            if self._seen_root:
                raise self._refused(at, "there is a second <mjml>")
            self._seen_root = True


def problem_in_words(source: MjmlSource, problem: str) -> str:
    """What the library says, with a line where it says a place."""
    place = re.search(r" at position (\d+):\d+", problem)
    words = re.sub(r" in root template| at position \d+:\d+", "", problem)
    line = f"Line {source.ready.encode()[: int(place[1])].count(10) + 1:,}: t" if place else "T"
    return f"{line}he MJML cannot be read: {words}."
