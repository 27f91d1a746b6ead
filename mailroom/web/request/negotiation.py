"""Content negotiation: the kind of answer that the one who asks can use."""

from __future__ import annotations

from collections.abc import Sequence

from flask import request

LONGEST_ACCEPT = 1_000
"""Characters of an Accept header that are looked into, for werkzeug takes the square of its blanks."""


def wants_page() -> bool:
    """A person's browser, going to a page; not a script or a program."""
    if request.headers.get("X-Requested-With"):
        return False
    if request.headers.get("Sec-Fetch-Dest", "document") == "empty":
        return False
    return best_type(["text/html", "application/json"]) == "text/html"


def best_type(offered: Sequence[str]) -> str:
    """Of these media types the one that is liked most; the first, where that cannot be told."""
    if len(request.headers.get("Accept", "")) > LONGEST_ACCEPT:
        return offered[0]
    return request.accept_mimetypes.best_match(offered, offered[0])
