"""Suggestions for mistyped addresses: `ann@gmial.com`, `ann@gmail,com`, `ann (at) example.org`.

A guess for a person to look at. Nothing is ever sent to one unasked.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from mailroom.content.addresses import MAX_LENGTH, Address
from mailroom.content.recipients.cells import address_in

_DOMAINS = (
    *("gmail.com", "googlemail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "comcast.net"),
    *("protonmail.com", "verizon.net", "btinternet.com", "hotmail.co.uk", "yahoo.co.uk", "t-online.de"),
    *("freenet.de", "yahoo.de", "hotmail.de", "outlook.de", "bluewin.ch", "orange.fr", "wanadoo.fr"),
    *("laposte.net", "hotmail.fr", "yahoo.fr", "libero.it", "hotmail.it", "virgilio.it", "yandex.ru"),
)
"""Where most people have their mail, of names long enough to be known again when they are mistyped."""


class _Known(NamedTuple):
    domain: str
    name: str
    ending: str
    letters: frozenset[str]  # of the name


_KNOWN = [
    _Known(domain, name, ending, frozenset(name))
    for domain in _DOMAINS
    for name, _, ending in [domain.partition(".")]
]

_ONES_OF_THEIR_OWN = frozenset(
    (
        *("ymail.com", "email.com", "mail.com", "gmx.com", "yahoo.ca", "yahoo.co", "inlook.com", "gail.com"),
        *("hotmail.ch", "outlook.fr", "range.fr"),
    )
)
"""Real domains that are written nearly as one of those."""

_ENDINGS = {
    **dict.fromkeys(("con", "cmo", "ocm", "vom", "xom", "comm", "coom", "cpm", "c0m", "comn", "ccom"), "com"),
    **dict.fromkeys(("ner", "nte", "ent", "nett"), "net"),
    **dict.fromkeys(("ogr", "orgg", "rog"), "org"),
}
"""Top-level domains that there are not, and what is meant."""

_TWO_MISTAKES_FROM = 8
"""Letters of a name in which two mistakes still leave it one that is known."""

_AT = re.compile(r"\s*[\[({<]\s*at\s*[\])}>]\s*|\s+at\s+|\s*@+\s*|\s*\uff20\s*", re.I)
_DOT = re.compile(r"\s*[\[({<]\s*dot\s*[\])}>]\s*|\s+dot\s+|\s*[,.;\uff0e\u3002]+\s*", re.I)
_ENDS = " \t\r\n<>()[]\"'.,;:/\\"


def suggested(entry: str) -> str:
    """The address that is probably meant, or "" when nothing is known to be wrong, or nothing better."""
    if len(entry) > MAX_LENGTH:
        return ""
    found = address_in(entry) or _put_right(entry)
    if found is None:
        return ""
    local, _, domain = found.address.rpartition("@")
    meant = f"{local}@{_domain_meant(domain)}"
    return "" if address_in(entry) and meant == found.address else meant


def _put_right(entry: str) -> Address | None:
    local, at, domain = _AT.sub("@", entry.removeprefix("mailto:")).strip(_ENDS).partition("@")
    if not at or "@" in domain:
        return None
    local, domain = local.rpartition("<")[2], _DOT.sub(".", domain).strip(".")
    if "." not in domain:
        domain = next((known for known in _DOMAINS if domain in _without_dot(known)), domain)
    return address_in(f"{re.sub('[.]{2,}', '.', local).strip('.')}@{domain.replace(' ', '')}")


def _without_dot(domain: str) -> tuple[str, str]:
    name, _, ending = domain.partition(".")
    return name, name + ending.replace(".", "")


@lru_cache(maxsize=10_000)
def _domain_meant(domain: str) -> str:
    """The same one when it is not like a known one."""
    if domain in _DOMAINS or domain in _ONES_OF_THEIR_OWN:
        return domain
    name, _, ending = domain.rpartition(".")
    domain = f"{name}.{_ENDINGS.get(ending, ending)}"
    name, _, ending = domain.partition(".")
    letters = frozenset(name)
    return next((known.domain for known in _KNOWN if _is_like(name, ending, letters, known)), domain)


def _is_like(name: str, ending: str, letters: frozenset[str], known: _Known) -> bool:
    if name == known.name:
        return known.ending == "com" and ending in ("co", "cm", "om", "comm", "couk")
    most = 2 if len(known.name) >= _TWO_MISTAKES_FROM else 1
    if ending != known.ending or abs(len(name) - len(known.name)) > most:
        return False
    # Most need no closer look: a mistake brings in one letter at most, and takes one away.
    if len(letters - known.letters) > most or len(known.letters - letters) > most:
        return False
    return _mistakes(name, known.name) <= most


def _mistakes(one: str, other: str) -> int:
    """Damerau-Levenshtein distance: letters missing, added, exchanged, or turned with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        last, before, row = before, row, [i, *([0] * len(other))]
        for j, its in enumerate(other, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and its == one[i - 2]:
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1]
