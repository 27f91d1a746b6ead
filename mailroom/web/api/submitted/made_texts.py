"""Room for made texts: what all letters of one request take in memory once they are filled or converted.

What a body says itself has the body's own limit. But ten kilobytes of JSON may name a template of a megabyte
a hundred times, and some kilobytes of Markdown become megabytes of HTML.
"""

from __future__ import annotations

import sys

from flask import g

from mailroom.web.api.errors import Unprocessable

MOST_MADE = 64 << 20
"""Octets."""


def note_made(*texts: str | None) -> None:
    """Raises ApiError where all that was made for this request takes more."""
    g.made_octets = g.get("made_octets", 0) + sum(sys.getsizeof(text) for text in texts if text)
    if g.made_octets > MOST_MADE:
        raise Unprocessable("What is made of these emails is too long for one request: send them in parts.")
