"""Private domains: names that the public DNS does not know, and that this installation mails all the same."""

from __future__ import annotations

from collections.abc import Iterable

_names: frozenset[str] = frozenset()
_endings: tuple[str, ...] = ()


def allow(domains: Iterable[str]) -> None:
    """These, and no others, in this process: `localhost`, `home.arpa`; `*.local` for all below a name."""
    global _names, _endings
    given = tuple(domains)
    _names = frozenset(domain for domain in given if not domain.startswith("*"))
    _endings = tuple(domain[1:] for domain in given if domain.startswith("*"))


def are_any() -> bool:
    return bool(_names or _endings)


def is_private(domain: str) -> bool:
    return domain in _names or domain.endswith(_endings)
