"""A text or HTML body: what is the same for everybody is encoded once.

In quoted-printable every line stands for itself, so only the lines that hold a merge
tag are rendered and encoded per recipient; and of a long line, as in HTML that is all
one, only what is near a tag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol

from mailroom.content.links.unsubscribe import tag_template
from mailroom.content.merge.plain import LiquidLike, PlainTemplate, Template, Values, crlf, names_used
from mailroom.content.merge.tags import parse_template
from mailroom.content.message.encoding import Encode, encoding_for, quoted_printable, quoted_printable_part


class Personal:
    """A piece of a message that is rendered and encoded for each recipient."""

    __slots__ = ("_encode", "_template")

    def __init__(self, template: Template, encode: Encode) -> None:
        self._template, self._encode = template, encode

    @property
    def template(self) -> Template:
        return self._template

    @property
    def encode(self) -> Encode:
        return self._encode

    @property
    def names_used(self) -> Counter[str]:
        return names_used(self._template)

    def render(self, values: Values) -> bytes:
        return self._encode(self._template.render(values))


class PersonalWhole(Personal):
    """A whole body whose lines only Liquid knows."""

    __slots__ = ()

    def render(self, values: Values) -> bytes:
        return self._encode(whole_lines(self._template.render(values)))


class PersonalLines(Personal):
    """The same, with the lines that Liquid leaves as they are encoded once."""

    __slots__ = ("_encoded", "_runs")

    def __init__(self, template: LiquidLike, encode: Encode) -> None:
        super().__init__(template, encode)
        self._runs = template.runs
        self._encoded = {lines: encode(crlf(lines)) for lines in template.whole_lines}

    def render(self, values: Values) -> bytes:
        encoded, encode = self._encoded, self._encode
        *runs, last = self._runs(values)
        made = [encoded[run] if run in encoded else encode(run) for run in runs]
        return b"".join([*made, encoded[last] if last in encoded else encode(whole_lines(last))])


class KeptElsewhere(Protocol):
    """Octets that are the same for everybody, and so many that they need not be in memory."""

    def __len__(self) -> int: ...

    def __bytes__(self) -> bytes: ...


Piece = bytes | KeptElsewhere | Personal
Keep = Callable[[bytes], bytes | KeptElsewhere]

LARGE_PIECE = 64 * 1024
"""Octets from which on a piece is never joined with others."""


def as_it_is(octets: bytes) -> bytes:
    return octets


def kept(piece: Piece, keep: Keep) -> Piece:
    """What is large as `keep` has it."""
    return keep(piece) if isinstance(piece, bytes) and len(piece) >= LARGE_PIECE else piece


NEAR = 100
"""Characters beside a tag that are encoded with it, so that soft line breaks stay few."""


def whole_lines(text: str) -> str:
    """`text` with all its line ends CRLF, one at its end too."""
    text = crlf(text)
    return text if text.endswith("\r\n") else f"{text}\r\n"


def body_pieces(source: str, *, html: bool, personal: bool, linked: bool = False) -> tuple[str, list[Piece]]:
    """The Content-Transfer-Encoding, and the encoded body in pieces.

    `linked`: of what is not personal, the tag of the unsubscribe link is filled all the same.
    """
    source = whole_lines(source)
    name, encode = encoding_for(source)
    template = parse_template(source, html=html) if personal else None
    if linked and not personal:
        template = tag_template(source, html=html)
    if template is None:
        return name, [encode(source)]
    if not isinstance(template, PlainTemplate):
        in_lines = encode is quoted_printable
        return name, [PersonalLines(template, encode) if in_lines else PersonalWhole(template, encode)]
    if encode is not quoted_printable:
        return name, [Personal(template, encode)]
    return name, [
        encode_part(part[0]) if len(part) == 1 else Personal(PlainTemplate(part, html=html), encode_part)
        for run in _runs(template.pieces)
        for part, encode_part in _parts(run)
    ]


def _runs(pieces: list[str]) -> Iterator[list[str]]:
    """Whole lines: runs without a tag ([text]) and runs with tags ([text, tag, text, ...])."""
    run = [""]
    for at, piece in enumerate(pieces):
        if at % 2:
            run += [piece, ""]
            continue
        lines, line_end, tail = piece.rpartition("\r\n")
        lines += line_end
        if len(run) > 1 and lines:
            rest_of_line, line_end, lines = lines.partition("\r\n")
            run[-1] += rest_of_line + line_end
        if lines:
            if len(run) > 1:
                yield run
            yield [lines]
            run = [""]
        run[-1] += tail
    if len(run) > 1:
        yield run


def _parts(run: list[str]) -> Iterator[tuple[list[str], Encode]]:
    """A run cut in its long texts, each part with what encodes it."""
    part: list[str] = []
    for at, piece in enumerate(run):
        if at % 2 or len(run) == 1 or len(piece) < 4 * NEAR:
            part.append(piece)
            continue
        start, end = _cut(piece, NEAR), _cut(piece, len(piece) - NEAR)
        yield [*part, piece[:start]], quoted_printable_part
        yield [piece[start:end]], quoted_printable_part
        part = [piece[end:]]
    yield part, quoted_printable


def _cut(text: str, at: int) -> int:
    return at + 1 if text[at] == "\n" else at  # never between CR and LF
