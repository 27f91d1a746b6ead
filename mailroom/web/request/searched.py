"""Search words: what somebody looks for on a page, cut to what a database takes."""

from __future__ import annotations

from flask import request

LONGEST_SEARCHED = 200
"""Characters, as the search boxes have it: a database takes a pattern of some thousand at most."""


def searched_words() -> str:
    """Of the query's `q`; "": nothing."""
    return request.args.get("q", "").strip()[:LONGEST_SEARCHED]
