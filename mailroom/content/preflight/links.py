"""Links of a letter: where they stand, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from mailroom.content.content import Content
from mailroom.content.links.unsubscribe import UNSUBSCRIBE_TAG
from mailroom.content.merge.tags import has_tags
from mailroom.content.text.references import unescaped

MOST_LOOKED_AT = 1 << 20
"""Characters of a body in which links and pictures are looked for."""

MOST_LINKS = 1_000
"""Different ones of a letter."""

LINK_SHOWN = 120

NOT_ENCRYPTED = "is not encrypted: write https://"
LEADS_HERE = "leads to a machine that recipients cannot reach"
NO_SUCH_SCHEME = "begins with nothing that mail programs open: write https://"
NOT_WHOLE = "is not a whole address, and a mail has no page that it could begin from: write https://"
BROKEN = "cannot be read as an address"
HAS_BLANKS = "has a blank in it"
NO_PICTURE = "names a picture that is not among the attachments"

_TAG = r"\{\{[^{}]*+\}\}|\{%[^{}]*+%\}"
_ATTRIBUTE = re.compile(r"""\s(href|src|background)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.I)
_IN_TEXT = re.compile(rf"""\b[A-Za-z]{{3,8}}:/{{1,2}}(?:{_TAG}|[^\s<>"'{{}}])++""")
_ALT = re.compile(r"\salt(?:\s*+=|[\s/]|\Z)", re.IGNORECASE).search
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*+").match
_LINKING = {"a", "area", "img", "link", "form", "td", "table", "body", "source", "video", "v"}
_WHOLE_HOST = re.compile(r"\s*https?://[^/?#\s{}]+[/?#]", re.IGNORECASE).match
_FINE_SCHEMES = {"mailto", "tel", "sms", "cid", "data", "callto", "facetime", "whatsapp", "webcal", "geo"}
_LABEL = re.compile(r"[\w-]{1,63}").fullmatch
_PRIVATE = ("localhost", "local", "internal", "lan", "home.arpa", "localdomain")


def elements(html: str) -> Iterator[tuple[str, str]]:
    """The elements as (name in lower case, what follows it up to the bracket), in linear time."""
    for piece in html[:MOST_LOOKED_AT].split("<")[1:]:
        if name := _NAME(piece):
            yield name[0].lower(), piece[name.end() :].partition(">")[0]


def links_of(content: Content) -> list[str]:
    """Each once, as it stands in the source; the unsubscribe link is ours, and left out."""
    found = dict.fromkeys((*_in_html(content.html), *_in_text(content.text)))
    return [link for link in found if UNSUBSCRIBE_TAG not in link][:MOST_LINKS]


def images_without_alt(html: str) -> int:
    return sum(name == "img" and not _ALT(rest) for name, rest in elements(html))


def _in_html(html: str) -> Iterator[str]:
    for name, rest in elements(html):
        if name in _LINKING:
            for attribute in _ATTRIBUTE.finditer(rest):
                yield unescaped(attribute[2] or attribute[3] or attribute[4] or "").strip()


def _in_text(text: str) -> Iterator[str]:
    for found in _IN_TEXT.finditer(text[:MOST_LOOKED_AT]):
        yield found[0].rstrip(".,;:!?)]}*_") if not found[0].endswith("}}") else found[0]


def is_decided(link: str) -> bool:
    """Whether it is the same for everybody as far as it is judged."""
    if not has_tags(link) or _WHOLE_HOST(link):
        return True
    scheme = link.partition(":")[0].strip().lower()
    return scheme in _FINE_SCHEMES


def problem_of(link: str, pictures: Iterable[str] = ()) -> str:
    """What is wrong with it, to follow its name; "" when nothing is. What tags put behind its host counts
    for nothing.
    """
    link = re.sub(_TAG, "x", link).strip()
    if link.startswith("#"):
        return ""
    scheme, colon, rest = link.partition(":")
    scheme = scheme.lower()
    if not colon or not scheme.isalnum():
        return NOT_WHOLE
    if scheme == "cid":
        return "" if rest.strip("<>") in pictures else NO_PICTURE
    if scheme in _FINE_SCHEMES:
        return ""
    if scheme not in ("http", "https"):
        return NO_SUCH_SCHEME
    return _problem_of_web(link, scheme, rest)


def _problem_of_web(link: str, scheme: str, rest: str) -> str:
    if re.search(r"\s", link):
        return HAS_BLANKS
    try:
        parts = urlsplit(link)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return BROKEN
    if not rest.startswith("//") or not host:
        return BROKEN
    if ":" in host or host.replace(".", "").isdigit():
        return _problem_of_number(host) or (NOT_ENCRYPTED if scheme == "http" else "")
    if not all(map(_LABEL, host.split("."))):
        return BROKEN
    if "." not in host or any(host == one or host.endswith(f".{one}") for one in _PRIVATE):
        return LEADS_HERE
    return NOT_ENCRYPTED if scheme == "http" else ""


def _problem_of_number(host: str) -> str:
    try:
        return "" if ip_address(host).is_global else LEADS_HERE
    except ValueError:
        return BROKEN
