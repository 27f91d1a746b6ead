"""A letter as people look at it: its headers, text, HTML and files, read from a message's octets."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from mailroom.content.header.part_names import file_name
from mailroom.content.header.words import decoded
from mailroom.content.message.headers import clean
from mailroom.content.whole.fields import Field, Unmailable
from mailroom.content.whole.parts import (
    LeftOut,
    ParsedPart,
    decoded_body,
    decoded_size,
    leaves,
    part_at,
    shown_texts,
)

OF_THE_FORM = re.compile("mime-version|content-.*")
"""Fields that say how a message is laid out, and nothing to people."""

LONGEST_READ = 2_000
"""Characters of a field in which a file's name is looked for."""

MOST_FILES_SHOWN = 100
"""Of a letter that are told of: one more says that there are more."""


class EnclosedFile(NamedTuple):
    """`size`: octets, as they were before they were encoded for mail."""

    filename: str
    content_type: str
    size: int


class Picture(NamedTuple):
    """A file that HTML shows by its Content-ID (`cid:...`, RFC 2392)."""

    content_id: str
    content_type: str
    data: bytes


class PicturePart(NamedTuple):
    """One that is still encoded. `size`: octets, decoded."""

    content_id: str
    content_type: str
    size: int
    part: ParsedPart

    def read(self) -> Picture:
        return Picture(self.content_id, self.content_type, _data(self.part))


@dataclass(frozen=True, slots=True)
class ReadLetter:
    headers: Sequence[tuple[str, str]]
    text: str = ""
    html: str = ""
    files: Sequence[EnclosedFile] = ()
    pictures: Sequence[PicturePart] = ()


def read_letter(
    message: bytes, without: Collection[str] = (), left_out: Sequence[LeftOut] = ()
) -> ReadLetter:
    """`without`: fields, in lower case, that are left out. `left_out`: of an abridged message, whose pictures
    may be read of the whole one only. Raises Unmailable.
    """
    whole = part_at(message)
    shown = shown_texts(whole)
    text, html = shown.get("text/plain"), shown.get("text/html")
    enclosed = list(
        islice((leaf for leaf in leaves(whole) if leaf not in (text, html)), MOST_FILES_SHOWN + 1)
    )
    return ReadLetter(
        [(field.shown_name, _words(field)) for field in whole.fields if _is_for_people(field, without)],
        text.text if text else "",
        html.text if html else "",
        [EnclosedFile(_filename(leaf), leaf.content_type, _size(leaf, left_out)) for leaf in enclosed],
        list(_pictures(enclosed, left_out)) if html else [],
    )


def _is_for_people(field: Field, without: Collection[str]) -> bool:
    return field.name not in without and not OF_THE_FORM.fullmatch(field.name)


def _words(field: Field) -> str:
    return clean(" ".join(decoded(field.value).split()))


def _pictures(enclosed: Sequence[ParsedPart], left_out: Sequence[LeftOut]) -> Iterator[PicturePart]:
    for leaf in enclosed:
        if content_id := leaf.first("content-id").strip("<> \t"):
            yield PicturePart(content_id, leaf.content_type, _size(leaf, left_out), leaf)


def _data(leaf: ParsedPart) -> bytes:
    """Never more than its size; nothing of what cannot be decoded, which is no picture."""
    try:
        return decoded_body(leaf.body, leaf.encoding)
    except Unmailable:
        return b""


def _size(leaf: ParsedPart, left_out: Sequence[LeftOut]) -> int:
    try:
        return decoded_size(leaf, left_out)
    except Unmailable:
        return leaf.end - leaf.start


def _filename(leaf: ParsedPart) -> str:
    """In whichever of the forms that programs use."""
    named = [leaf.first(name)[:LONGEST_READ] for name in ("content-disposition", "content-type")]
    return clean(decoded(file_name(*named)))
