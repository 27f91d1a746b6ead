"""Slots: named places of a template that a letter fills, so that one letterhead serves many mailings.

    {% slot content %}{% endslot %}      of a template: here stands the letter
    {% slot footer %}Acme Ltd{% endslot %}      of a template: this, unless the letter has such a block itself

What a letter has outside of blocks of its own fills the slot `content`. All of it is done with the sources,
before any tag is filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import NamedTuple

from mailroom.content.merge.plain import MergeError

CONTENT_SLOT = "content"
MOST_SLOTS = 50

MOST_STANDING_AGAIN = 8 << 20
"""Characters that stand once more where a template has a slot again, or a loop around it."""

_MARK = re.compile(r"\{%-?\s{0,8}(?:slot\s{1,8}([A-Za-z_][A-Za-z0-9_]{0,40})|(endslot))\s{0,8}-?%\}")


class Piece(NamedTuple):
    """A part of a source: `slot` is "" for what stands between slots."""

    text: str
    slot: str = ""


class PlacedTexts:
    """Texts that are put into a template by their names: each once, and again while there is room."""

    def __init__(self) -> None:
        self._placed: set[Hashable] = set()
        self._left = MOST_STANDING_AGAIN

    def put(self, name: Hashable, text: str) -> str:
        """The text. Raises MergeError where all that stands again is too long."""
        if name in self._placed:
            self._left -= len(text)
            if self._left < 0:
                raise MergeError("What is written is too long to stand in so many slots of the template.")
        self._placed.add(name)
        return text


def has_slots(source: str) -> bool:
    return _MARK.search(source) is not None


def filled_slots(letter: str) -> list[str]:
    """The slots that a letter has a block for. Raises MergeError for blocks that are not closed."""
    return [piece.slot for piece in _pieces(letter) if piece.slot]


def in_slots(template: str, letter: str) -> str:
    """The template with the letter in its slots. Raises MergeError for slots that do not fit."""
    blocks: dict[str, str] = {}
    rest = []
    for piece in _pieces(letter):
        if not piece.slot:
            rest.append(piece.text)
        elif piece.slot in blocks:
            raise MergeError(f"The slot {piece.slot} is filled twice.")
        else:
            blocks[piece.slot] = piece.text
    content = "".join(rest).strip("\r\n") if blocks else "".join(rest)
    if content.strip():
        if CONTENT_SLOT in blocks:
            raise MergeError(
                f"The slot {CONTENT_SLOT} is filled twice: by its block, and by what is beside it."
            )
        blocks[CONTENT_SLOT] = content
    there_are = [piece.slot for piece in _pieces(template) if piece.slot]
    if unknown := next((name for name in blocks if name not in there_are), ""):
        raise MergeError(f"The template has no slot {unknown}; there are: {', '.join(there_are) or 'none'}.")
    return _filled_slots(template, blocks)


def outside_marks(source: str, change: Callable[[str], str]) -> str:
    """The source with everything changed but the marks where slots begin and end."""
    parts, at = [], 0
    for mark in _MARK.finditer(source):
        parts += [change(source[at : mark.start()]), mark[0]]
        at = mark.end()
    return "".join([*parts, change(source[at:])])


def with_defaults(template: str) -> str:
    """The template by itself. Raises MergeError for slots that are not closed."""
    return _filled_slots(template, {})


def _filled_slots(template: str, blocks: Mapping[str, str]) -> str:
    placed = PlacedTexts()
    return "".join(
        placed.put(piece.slot, blocks[piece.slot]) if piece.slot in blocks else piece.text
        for piece in _pieces(template)
    )


def _pieces(source: str) -> Iterator[Piece]:
    at, opened, slots = 0, "", 0
    for mark in _MARK.finditer(source):
        name, text = mark[1] or "", source[at : mark.start()]
        if bool(name) == bool(opened):
            raise MergeError(f"A slot stands in the slot {opened}." if opened else "An endslot has no slot.")
        slots += bool(name)
        if slots > MOST_SLOTS:
            raise MergeError(f"There are more than {MOST_SLOTS} slots.")
        yield Piece(text, opened)
        at, opened = mark.end(), name
    if opened:
        raise MergeError(f"The slot {opened} is not closed: write {{% endslot %}}.")
    yield Piece(source[at:])
