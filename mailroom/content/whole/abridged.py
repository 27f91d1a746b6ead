"""Abridged message: its structure and the beginning of each part, without what goes on at length.

A part begins only behind a delimiter, a line with two hyphens. What stands far behind the last one is an
attachment's middle: whoever looks at a message of 25 MB need not have that in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import NamedTuple

from mailroom.content.whole.line_ends import whole_lines_of
from mailroom.content.whole.parts import BODY_PIECE, LeftOut, base64_letters

KEPT_BEHIND_DELIMITER = 2 << 20
"""Octets: a part's header (fields.MOST_HEADER_OCTETS), and what is shown of its body (MOST_TEXT_SHOWN)."""


class AbridgedMessage(NamedTuple):
    data: bytes
    left_out: Sequence[LeftOut] = ()


def abridged(octets: Iterable[bytes]) -> AbridgedMessage:
    """Of a message that comes in slices, with CRLF line ends."""
    kept, left_out, behind = BytesIO(), list[LeftOut](), 0
    pieces = (some[at : at + BODY_PIECE] for some in octets for at in range(0, len(some), BODY_PIECE))
    for piece in whole_lines_of(pieces):
        if piece.startswith(b"--") or b"\n--" in piece:
            behind = 0
        if behind < KEPT_BEHIND_DELIMITER:
            kept.write(piece)
        else:
            left_out.append(LeftOut(kept.tell(), len(piece), base64_letters(piece), piece.count(b"=")))
        behind += len(piece)
    return AbridgedMessage(kept.getvalue(), left_out)
