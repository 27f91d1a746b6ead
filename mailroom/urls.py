"""URLs of services with a password in them: read in one way only, or refused.

What stands raw in a password may end it for one reader and not for the next: `redis://:6399#x@10.0.0.1/0`
is a port of this machine to most of them.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

PERCENT_ENCODE = (
    "percent-encode what is special in its user name and password "
    "(# is %23, / is %2F, @ is %40, ? is %3F, % is %25)"
)


class BadUrl(ValueError):
    """`str()` continues a sentence that begins with the variable's name, and shows no secret."""


def check(url: str) -> str:
    """The URL, as it is. Raises BadUrl."""
    if url.partition("://")[2].startswith("/") and "password=" not in url:
        return url  # a path, in which all of that may stand
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadUrl(f"has a port that is none: it must be from 1 to 65535; {PERCENT_ENCODE}") from None
    if port == 0:
        raise BadUrl("has a port that is none: it must be from 1 to 65535")
    login = parts.netloc.rpartition("@")[0]
    if parts.fragment or url.endswith("#") or "@" in login or "@" in parts.path + parts.query:
        raise BadUrl(f"can be read in two ways: {PERCENT_ENCODE}")
    if re.search(r"%(?![0-9A-Fa-f]{2})", login) or re.search(r"[\s\x00-\x1f]", url):
        raise BadUrl(f"has a character that is not allowed there: {PERCENT_ENCODE}")
    return url


def secrets_of(url: str) -> set[str]:
    """What must not be shown of it: the password, as it stands and as it is meant, and the URL with it."""
    parts = urlsplit(url)
    passwords = {parts.password or "", *parse_qs(parts.query).get("password", [])} - {""}
    return {url, *passwords, *map(unquote, passwords)} if passwords else set()
