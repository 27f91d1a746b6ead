"""A letter's HTML for a sandboxed frame: it runs nothing, and asks nobody outside for anything."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

from flask import abort
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.content.merge.plain import MergeError
from mailroom.content.whole.fields import Unmailable
from mailroom.content.whole.letter import Picture, ReadLetter
from mailroom.engine import letter
from mailroom.ledger.mailings.mailings import Mailing

FRAME_POLICY = "; ".join(
    (
        "sandbox",  # no scripts, no forms, an origin of its own: whoever opens the address sees no more
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "frame-ancestors 'self'",
    )
)

FRAME_HEADERS = {
    "Content-Security-Policy": FRAME_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-DNS-Prefetch-Control": "off",  # of its links' hosts; no policy is asked about that
}

PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"}
"""Drawn inside the HTML. No SVG: it is a document, not a picture."""

MOST_DRAWN = 8_000_000
"""Octets of pictures: they stand in the page, several times while it is made."""

MOST_IN_PAGE = 2 * MOST_DRAWN * 4 // 3
"""Octets of their addresses: a picture stands in the page once more each time that the HTML names it."""

NOT_KEPT = "What it said is not kept any more."

CID = re.compile(rb"cid:([^\"'()\s>]+)", re.IGNORECASE)

OUTSIDE = re.compile(r"<(/?)(link|i?frame|frameset|object|embed)\b", re.IGNORECASE)
"""Elements that the policy forbids anyway; but a browser may connect before it asks, or without asking."""

BEFORE_HEAD = re.compile(r"(?:\s|<!--.*?-->)*+(?:<!doctype[^>]*>)?", re.IGNORECASE | re.DOTALL)

NO_WAY_OUT = '<base target="_blank">'
"""For links: a sandbox forbids new windows; within the frame the browser would connect, and show nothing."""

_LINK = re.compile(r"<(a|area)(?=[\s/>])", re.IGNORECASE)
_NOWHERE = r"<\1 target=_blank "
"""A target of its own, or none in SVG, would count more; of two of a link's the first one does."""

MOST_FRAMED_LINKS = 20_000
"""In a letter: of more none leads anywhere, for each is longer by that."""


PREFERS = re.compile(r"\(\s*+prefers-color-scheme\s*+:\s*+(light|dark)\s*+\)", re.IGNORECASE)
ALWAYS, NEVER = "(min-width: 0)", "(max-width: 0)"
"""Browsers tell a frame their reader's scheme, whatever that of the frame is."""


class LetterOnPage(NamedTuple):
    """A letter for its page; or why there is none to be shown."""

    letter: ReadLetter | None
    trouble: str = ""


def looked_at(find: Callable[..., ReadLetter | None], *about: Any) -> LetterOnPage:
    """What one of `engine.letter` finds."""
    try:
        found = find(*about)
    except (Unmailable, MergeError) as trouble:
        return LetterOnPage(None, str(trouble))
    return LetterOnPage(found, "" if found else NOT_KEPT)


def in_frame(connection: Connection, mailing: Mailing, shown: LetterOnPage) -> Response:
    if shown.letter is None or not shown.letter.html:
        abort(404)
    is_drawn = _chooser(shown.letter.html)
    return framed(shown.letter.html, letter.pictures(connection, mailing, shown.letter, is_drawn))


def framed(html: str, pictures: Iterable[Picture], scheme: str | None = None) -> Response:
    """With the pictures that came along inside it. `scheme`: as a program in light or in dark shows it; None:
    as its reader's browser likes it.
    """
    if scheme is not None:
        html = PREFERS.sub(lambda found: ALWAYS if found[1].lower() == scheme else NEVER, html)
    html = _without_outside(html, f'<meta name="color-scheme" content="{scheme}">' if scheme else "")
    return Response(
        _with_pictures(html.encode(), pictures),
        content_type="text/html; charset=utf-8",
        headers=FRAME_HEADERS,
    )


def _chooser(html: str) -> Callable[[str, str, int], bool]:
    """Of the pictures that this HTML speaks of, those that fit into the frame's page one after the other."""
    wanted = {word for found in CID.finditer(html.encode()) for word in _named(found)}
    room = MOST_DRAWN

    def is_drawn(content_id: str, content_type: str, size: int) -> bool:
        nonlocal room
        if content_id not in wanted or _kind(content_type) not in PICTURES or size > room:
            return False
        room -= size
        return True

    return is_drawn


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _named(found: re.Match[bytes]) -> tuple[str, str]:
    """As it stands in a URL: with what is special in it percent-encoded, or not (RFC 2392, section 2)."""
    word = found[1].decode()
    return unquote(word), word


def _with_pictures(html: bytes, pictures: Iterable[Picture]) -> bytes:
    """With each where it is named, as often as there is room for it. (In octets: one letter that is not in
    Latin-1 makes the text of a page four times as large.)
    """
    inside = {
        picture.content_id: b"data:%b;base64,%b" % (kind.encode(), base64.b64encode(picture.data))
        for picture in pictures
        if (kind := _kind(picture.content_type)) in PICTURES
    }
    room = MOST_IN_PAGE

    def drawn(found: re.Match[bytes]) -> bytes:
        nonlocal room
        address = next((inside[word] for word in _named(found) if word in inside), None)
        if address is None or len(address) > room:
            return found[0]
        room -= len(address)
        return address

    return CID.sub(drawn, html)


def _without_outside(html: str, first: str = "") -> str:
    has_many = html.count("<a") + html.count("<A") > MOST_FRAMED_LINKS
    html = _LINK.sub(r"<no-\1" if has_many else _NOWHERE, OUTSIDE.sub(r"<\1no-\2", html))
    head = BEFORE_HEAD.match(html)
    at = head.end() if head else 0
    return html[:at] + first + NO_WAY_OUT + html[at:]
