"""URLs of services with a password in them: read in one way only, or refused.

What stands raw in a password may end it for one reader and not for the next: `redis://:6399#x@10.0.0.1/0`
is a port of this machine to most of them.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

PROJECT_ROOT = Path(__file__).resolve().parents[1]

PERCENT_ENCODE = (
    "percent-encode what is special in its user name and password "
    "(# is %23, / is %2F, @ is %40, ? is %3F, % is %25)"
)


PERCENT_ENCODE_PATH = "percent-encode what is special in its path (? is %3F, # is %23, % is %25)"

SQLITE_OPTIONS = {"cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout"}
"""What the driver takes behind a `?`. All else it would leave out, and open another file."""


class BadUrl(ValueError):
    """`str()` continues a sentence that begins with the variable's name, and shows no secret."""


def check(url: str) -> str:
    """The URL, as it is; that of a file with its whole path. Raises BadUrl."""
    if url.startswith("sqlite:"):
        return _whole_path(url)
    if url.startswith("unix:"):
        _check_path(url, *url.removeprefix("unix://").partition("?"))
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


def _whole_path(url: str) -> str:
    """One that is relative is so to Mailroom's folder, wherever a program is started."""
    path, mark, query = url.removeprefix("sqlite:///").partition("?")
    _check_path(url, path, mark, query)
    if unknown := {name for name, _ in parse_qsl(query)} - SQLITE_OPTIONS:
        raise BadUrl(f"has an option that SQLite's driver does not know ({min(unknown)})")
    if path.startswith("~"):
        raise BadUrl("begins with ~, which only a shell knows: write the whole path")
    whole = path if path.startswith("/") else f"{quote(str(PROJECT_ROOT))}/{path}"
    return f"sqlite:///{whole}{mark}{query}"


def _check_path(url: str, path: str, mark: str, query: str) -> None:
    """What is special in a path ends it, or is another character, for who reads it. Raises BadUrl."""
    try:
        if mark:
            parse_qsl(query, strict_parsing=True)
        meant = unquote(path, errors="strict")
    except ValueError:
        raise BadUrl(f"can be read in two ways: {PERCENT_ENCODE_PATH}") from None
    cut = "#" in path and url.startswith("unix:")
    if cut or re.search(r"%(?![0-9A-Fa-f]{2})", path) or re.search(r"[\x00-\x1f]", meant):
        raise BadUrl(f"has a character that is not allowed there: {PERCENT_ENCODE_PATH}")


def secrets_of(url: str) -> set[str]:
    """What must not be shown of it: the password, as it stands and as it is meant, and the URL with it."""
    parts = urlsplit(url)
    named = {value for name, value in parse_qsl(parts.query) if "password" in name}
    passwords = {parts.password or "", *named} - {""}
    return {url, *passwords, *map(unquote, passwords)} if passwords else set()
