"""Attachments by address instead of content: refused, unless something here fetches them."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, has_app_context

EXTENSION = "mailroom.fetch_attachment"
"""Where a function stands that takes an https address and returns the file, or raises ValueError."""

REFUSED = "`path` is off here: send the file itself, in Base64, as `content`."

Fetch = Callable[[str], bytes]


def fetcher() -> Fetch | None:
    """What fetches a file for us; None: nothing may, which is the default."""
    return current_app.extensions.get(EXTENSION) if has_app_context() else None
