"""Line ends of a message whose octets come in pieces: CRLF everywhere, and one at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mailroom.content.whole.fields import LINE_END
from mailroom.content.whole.parts import Octets


def whole_lines_of(octets: Iterable[bytes]) -> Iterator[bytes]:
    """The same octets in other pieces, each of which ends with CRLF, if there is one."""
    rest = b""
    for piece in octets:
        whole, line_end, tail = piece.rpartition(b"\r\n")
        if line_end:
            yield b"".join((rest, whole, line_end))
            rest = tail
        else:
            rest += piece
    if rest:
        yield rest


def without_first_line_ends(pieces: Iterable[bytes]) -> Iterator[bytes]:
    has_begun = False
    for piece in pieces:
        piece = piece if has_begun else piece.lstrip(LINE_END)
        has_begun = has_begun or bool(piece)
        yield piece


def with_line_ends(pieces: Iterable[bytes], bare: Sequence[bytes]) -> Iterator[bytes]:
    """With CRLF for each of the `bare` octets. (A regular expression would keep an object for each line.)"""
    rest = b""
    for piece in pieces:
        piece = rest + piece
        rest = piece[-1:] if piece.endswith(b"\r") else b""  # half a line end, perhaps
        piece = piece.removesuffix(b"\r")
        yield _all_crlf(piece, bare)
    yield _all_crlf(rest, bare)


def _all_crlf(octets: bytes, bare: Sequence[bytes]) -> bytes:
    if all(octets.count(one) == octets.count(LINE_END) for one in bare):  # as usual
        return octets
    octets = octets.replace(LINE_END, b"\n")
    return (octets.replace(b"\r", b"\n") if b"\r" in bare else octets).replace(b"\n", LINE_END)


def ended(pieces: Iterable[Octets]) -> Iterator[Octets]:
    """With a line end at the end. They follow on one."""
    last = LINE_END
    for piece in pieces:
        last = (last + piece[-len(LINE_END) :])[-len(LINE_END) :]
        yield piece
    if last != LINE_END:
        yield LINE_END
