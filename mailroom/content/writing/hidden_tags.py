"""Merge tags that survive a conversion: words stand for them meanwhile, and they are put back untouched.

So a letter is converted once, not for each recipient, and a value is never read as Markdown or MJML.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

from mailroom.content.merge.braces import two_braces
from mailroom.content.writing.converter import NotConverted

_PLAIN_TAG = re.compile(
    r"\{\{\s{0,20}+[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]{0,100}+\s{0,20}+\}\}"
    r"|\{%-?\s{0,8}(?:slot\s{1,8}\w{1,41}|endslot)\s{0,8}-?%\}"
)
"""What means something in every letter: a name alone, and the marks of slots."""

MOST_PUT_BACK = 8 << 20
"""Characters of all tags that are put back: one that is written once may stand in thousands of places of what
is made of it, as a link's address or a colour does.
"""

TAGS_TOO_OFTEN = "A merge tag is too long to stand in so many places: shorten it, or write it less often."

_ENDS = {"{{": "}}", "{%": "%}"}
_WORDS_ALONE = {"title", "style", "textarea", "script"}
"""Elements of HTML in which a comment is none."""


class HiddenTags:
    """`source`: the text with a word for each tag."""

    def __init__(self, source: str, *, is_filled: bool = True) -> None:
        """`is_filled`: False for a text whose tags mean nothing; a plain one is kept whole all the same."""
        self.is_filled = is_filled
        self._token = f"tag{secrets.token_hex(6)}n"
        self._tags: list[str] = []
        # Between elements a comment of ours; one that the author wrote around a tag is theirs.
        self._place = re.compile(rf"(?:<|&lt;)!--{self._token}(\d+)c--(?:>|&gt;)|{self._token}(\d+)n")
        source = two_braces(source)
        self.source = "".join(
            text if is_text else self._word_for(text)
            for text, is_text in (_cut(source) if is_filled else _cut_at_plain(source))
        )

    def _word_for(self, tag: str) -> str:
        self._tags.append(tag)
        return f"{self._token}{len(self._tags) - 1}n"

    @property
    def word(self) -> re.Pattern[str]:
        """What stands for a tag."""
        return self._place

    def put_back(self, text: str) -> str:
        """Raises NotConverted for what gets too long by that."""
        room = MOST_PUT_BACK

        def tag_of(place: re.Match[str]) -> str:
            nonlocal room
            tag = self._tags[_number(place)]
            room -= len(tag)
            if room < 0:
                raise NotConverted(TAGS_TOO_OFTEN)
            return tag

        return self._place.sub(tag_of, text)

    def commented(self, text: str) -> str:
        """The words of `{% ... %}` in it as comments: they may stand where HTML has no place for a text."""

        def comment(place: re.Match[str]) -> str:
            is_block = place[2] and self._tags[_number(place)].startswith("{%")
            return f"<!--{self._token}{place[2]}c-->" if is_block else place[0]

        return self._place.sub(comment, text)

    def commented_lines(self) -> str:
        """The source with comments for the blocks' tags that have a line for themselves."""

        def comments(line: str) -> str:
            changed = self.commented(line)
            return changed if not re.sub(rf"<!--{self._token}\d+c-->", "", changed).strip() else line

        return "".join(map(comments, self.source.splitlines(keepends=True)))

    def commented_html(self) -> str:
        """The source, as HTML, with comments for the blocks' tags that stand between elements."""
        first, *pieces = self.source.split("<")
        parts = [self.commented(first)]
        for piece in pieces:
            inside, bracket, after = piece.partition(">")
            name = re.split(r"[\s/]", inside, maxsplit=1)[0].lower()
            is_text = bracket and name not in _WORDS_ALONE and not inside.startswith("!--")
            parts.append(f"<{inside}{bracket}{self.commented(after) if is_text else after}")
        return "".join(parts)

    def lost(self, text: str, optional: str = "") -> str:
        """A tag that is not in `text` as it has to be: a `{% ... %}` once and in its place; "" for none.

        `optional`: a part of the source whose values may be left out.
        """
        found = [_number(place) for place in self._place.finditer(text)]
        there = {*found, *map(_number, self._place.finditer(optional))}
        blocks = [number for number in found if self._tags[number].startswith("{%")]
        wanted = [number for number, tag in enumerate(self._tags) if tag.startswith("{%")]
        if blocks != wanted:
            at = next((a for a, b in zip(wanted, [*blocks, -1], strict=False) if a != b), wanted[-1:])
            return self._tags[at if isinstance(at, int) else at[0]] if wanted else ""
        return next((tag for number, tag in enumerate(self._tags) if number not in there), "")


def _number(place: re.Match[str]) -> int:
    return int(place[1] or place[2])


def _cut(source: str) -> Iterator[tuple[str, bool]]:
    """Its pieces, and whether each is text; in linear time, however many tags are never closed."""
    at, closed = 0, dict.fromkeys(_ENDS, True)
    for begun in re.finditer(r"\{[{%]", source):
        if begun.start() < at or not closed[begun[0]]:
            continue
        end = source.find(_ENDS[begun[0]], begun.end())
        if end < 0:
            closed[begun[0]] = False
            continue
        yield source[at : begun.start()], True
        at = end + 2
        yield source[begun.start() : at], False
    yield source[at:], True


def _cut_at_plain(source: str) -> Iterator[tuple[str, bool]]:
    at = 0
    for tag in _PLAIN_TAG.finditer(source):
        yield source[at : tag.start()], True
        at = tag.end()
        yield tag[0], False
    yield source[at:], True
