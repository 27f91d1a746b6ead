"""Pictures of a letter: files that its HTML shows by their names get Content-IDs (RFC 2392)."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

from mailroom.content.content import Attachment, Content
from mailroom.content.merge.tags import has_tags
from mailroom.content.text.references import unescaped

_SHOWN = re.compile(r"""(\s(?:src|background)\s*+=\s*+)("[^"]*+"|'[^']*+')""", re.IGNORECASE)
LONGEST_CONTENT_ID = 100

MOST_ADDED = 1 << 20
"""Characters by which a letter grows: a short name stands for a long Content-ID as often as it is written."""


def with_pictures(content: Content) -> Content:
    """The content with such files as pictures. `photo.png` and `cid:photo.png` mean the file of that name; so
    do its name without what follows the dot, and its Content-ID, as an earlier mailing has it.
    """
    pictures = {place: file for place, file in enumerate(content.attachments) if _may_be_shown(file)}
    if not pictures or not content.html:
        return content
    places: dict[str, int] = {}
    for called in (_as_it_is, _content_id, _stem):
        for place, file in pictures.items():
            places.setdefault(called(file), place)
    ids: dict[int, str] = {}
    taken: set[str] = set()
    room = MOST_ADDED

    def by_id(found: re.Match[str]) -> str:
        nonlocal room
        name = unquote(unescaped(found[2][1:-1]).strip().removeprefix("cid:"))
        if name not in places:
            return found[0]
        place = places[name]
        word = _content_id(pictures[place])
        word = ids.get(place, f"{place}-{word}" if word in taken else word)
        by_word = f'{found[1]}"cid:{word}"'
        if len(by_word) - len(found[0]) > room:
            return found[0]
        room -= max(0, len(by_word) - len(found[0]))
        ids[place] = word
        taken.add(word)
        return by_word

    html = _SHOWN.sub(by_id, content.html)
    files = [
        replace(file, content_id=ids[place]) if place in ids else file
        for place, file in enumerate(content.attachments)
    ]
    return replace(content, html=html, attachments=tuple(files))


def _may_be_shown(file: Attachment) -> bool:
    is_picture = file.content_type.lower().startswith("image/")
    return is_picture and not file.content_id and not has_tags(file.filename)


def _as_it_is(file: Attachment) -> str:
    return file.filename


def _content_id(file: Attachment) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", file.filename)[-LONGEST_CONTENT_ID:]


def _stem(file: Attachment) -> str:
    return file.filename.rpartition(".")[0] or file.filename
