"""Stencil: a letter of plain tags, encoded once, with a hole for each value that goes in as it is.

Letters, digits and what stands harmlessly between them look the same in HTML, in quoted-printable and in a
subject, as long as no line grows too long. Such values, as most are, need no rendering and no encoding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from mailroom.content.links.unsubscribe import UNSUBSCRIBE_TAG
from mailroom.content.merge.plain import PlainTemplate, Template, Values
from mailroom.content.message.body import KeptElsewhere, Personal, Piece
from mailroom.content.message.encoding import Encode, quoted_printable
from mailroom.content.message.headers import text_header

LONGEST_FILLED_LINE = 72
"""Octets of a line with its values: quoted-printable cuts it, and a header folds it, at 76."""

WORTH_A_HOLE = 16
"""Characters for which a line must have room, or its values would hardly ever fit."""

MOST_HOLES = 5_000
"""What goes into so many is never too much for one mail."""

# At neither end is what a line's beginning, or its end, would change.
_GOES_IN_AS_IT_IS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 .,_+@-]*[A-Za-z0-9])?").fullmatch


class CutText(NamedTuple):
    """Octets, and the name of the hole behind each but the last."""

    octets: list[bytes]
    names: list[str]


class Stencil:
    """`fill` makes what rendering would make."""

    __slots__ = ("_holes", "_made", "_room")

    def __init__(self, cut: CutText, room: int) -> None:
        self._made = [b""] * (len(cut.octets) + len(cut.names))
        self._made[::2] = cut.octets
        holes: dict[str, list[int]] = {}
        for at, name in enumerate(cut.names):
            holes.setdefault(name, []).append(2 * at + 1)
        self._holes = list(holes.items())
        self._room = room

    def fill(self, values: Values) -> list[bytes] | None:
        """Octets to be joined: lines that CRLF ends, of which none begins with a dot. None: a value does not
        go in as it is.
        """
        made, room = self._made.copy(), self._room
        for name, places in self._holes:
            value = values.get(name)
            if type(value) is not str or len(value) > room:
                return None
            if not (value.isascii() and value.isalnum()) and _GOES_IN_AS_IT_IS(value) is None:
                return None
            octets = value.encode()
            for at in places:
                made[at] = octets
        return made


def stencil_of(subject: Template | None, rest: Sequence[Piece]) -> Stencil | None:
    """Of a subject that is filled for everybody, and what follows. None: it could hardly ever be filled."""
    whole = CutText([b""], [])
    for piece in [subject, *rest] if subject is not None else rest:
        cut = CutText([piece], []) if isinstance(piece, bytes) else _cut(piece)
        if cut is None:
            return None
        whole.octets[-1] += cut.octets[0]
        whole.octets.extend(cut.octets[1:])
        whole.names.extend(cut.names)
    if UNSUBSCRIBE_TAG in whole.names or len(whole.names) > MOST_HOLES or not _are_ready(whole.octets):
        return None
    room = _room(whole.octets)
    return Stencil(whole, room) if room >= WORTH_A_HOLE else None


def _cut(piece: Personal | Template | KeptElsewhere) -> CutText | None:
    """None: how it is encoded depends on more than that its values go in as they are."""
    if not isinstance(piece, Personal):
        return _cut_at_tags(piece, _subject)
    is_usual = type(piece) is Personal and piece.encode is quoted_printable
    return _cut_at_tags(piece.template, quoted_printable) if is_usual else None


def _cut_at_tags(template: Template | KeptElsewhere, encode: Encode) -> CutText | None:
    if not isinstance(template, PlainTemplate):
        return None
    texts, names = template.pieces[::2], template.pieces[1::2]
    number = 0
    # It never overlaps with itself, for it begins and ends as it does not go on.
    while any(f"A{number}b" in text for text in texts):
        number += 1
    mark = f"A{number}b"
    encoded = encode(mark.join(texts))
    octets = encoded.split(mark.encode())
    return CutText(octets, names) if len(octets) == len(texts) and b"=\r\n" not in encoded else None


def _subject(text: str) -> bytes:
    """Nothing, unless a reader is shown these very characters and they are on one line."""
    whole = b"Subject: %s\r\n" % text.strip(" ").encode("ascii", "replace")
    return whole if text_header("Subject", text) == whole else b""


def _are_ready(octets: Sequence[bytes]) -> bool:
    """Whether CRLF is all that ends a line, also the last one, and no line begins with a dot."""
    whole = b"A".join(octets)
    breaks = whole.count(b"\r\n")
    return (
        whole.count(b"\n") == breaks == whole.count(b"\r")
        and not whole.startswith(b".")
        and b"\r\n." not in whole
        and whole.endswith(b"\r\n")
    )


def _room(octets: Sequence[bytes]) -> int:
    """How long each value may be."""
    lines = [line for line in b"\0".join(octets).split(b"\r\n") if b"\0" in line]
    rooms = [(LONGEST_FILLED_LINE - len(line)) // line.count(b"\0") + 1 for line in lines]
    return min(rooms, default=LONGEST_FILLED_LINE)
