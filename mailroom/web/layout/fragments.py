"""Fragments: what a macro writes for a few words or states, kept; a page has fifty of the same.

`{% set icon = once(drawn) %}`
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, request
from markupsafe import Markup

KEPT_FRAGMENTS = 1_000
"""Of each macro; then all are forgotten. What links begin with may be what a proxy says."""

Macro = Callable[..., Markup]


def init_app(app: Flask) -> None:
    app.jinja_env.globals["once"] = once


def once(macro: Macro) -> Macro:
    """The same macro, which must know nothing but what it is given, and where the application begins."""
    made: dict[tuple[Any, ...], Markup] = {}

    def kept(*values: str) -> Markup:
        # A state of a delivery and one of a mailing may be the same word.
        key = (request.script_root, *values, *map(type, values))
        found = made.get(key)
        if found is None:
            if len(made) >= KEPT_FRAGMENTS:
                made.clear()
            found = made[key] = macro(*values)
        return found

    return kept
