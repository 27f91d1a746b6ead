"""Content negotiation: the kind of answer that the one who asks can use."""

from __future__ import annotations

from flask import request


def wants_page() -> bool:
    """A person's browser, going to a page; not a script or a program."""
    if request.headers.get("X-Requested-With"):
        return False
    if request.headers.get("Sec-Fetch-Dest", "document") == "empty":
        return False
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html")
    return best == "text/html"
