"""Links: url_for of templates, where a table of fifty rows names as many pages of one kind.

Flask finds the rule anew for each. Here that is done once for each endpoint and the names of its numbers, and
the numbers are put into what it said.
"""

from __future__ import annotations

from typing import Any, cast

import flask
from flask import Flask, current_app, has_request_context, request

KEPT_LINKS = 4_000
"""Then all are forgotten: what they begin with may be what a proxy says."""

_STANDS_FOR = 9_000_000_000_000
"""A number that no path holds."""

Made = dict[tuple[Any, ...], str | None]


def init_app(app: Flask) -> None:
    app.extensions["mailroom.links"] = Made()
    app.jinja_env.globals["url_for"] = link_to


def kept_links() -> Made:
    return cast(Made, current_app.extensions["mailroom.links"])


def link_to(endpoint: str, **values: Any) -> str:
    """Flask's own url_for."""
    if not has_request_context() or endpoint[:1] == ".":
        return flask.url_for(endpoint, **values)
    given: tuple[int, ...] = ()
    if endpoint == "static":
        key = (request.script_root, endpoint, *values.items())
    else:
        given = tuple(values.values())
        if not all(type(value) is int and value >= 0 for value in given):
            return flask.url_for(endpoint, **values)
        key = (request.script_root, endpoint, *values)
    made = kept_links()
    if key not in made:
        if len(made) >= KEPT_LINKS:
            made.clear()
        made[key] = _pattern(endpoint, values, len(given))
    pattern = made.get(key)
    return flask.url_for(endpoint, **values) if pattern is None else pattern % given


def _pattern(endpoint: str, values: dict[str, Any], numbers: int) -> str | None:
    """With %d in the place of each number. None: they stand elsewhere, or in another order."""
    if not numbers:
        return flask.url_for(endpoint, **values).replace("%", "%%")
    stand_ins = tuple(range(_STANDS_FOR, _STANDS_FOR + numbers))
    placed: dict[str, Any] = dict(zip(values, stand_ins, strict=True))
    made = flask.url_for(endpoint, **placed)
    pattern = made.replace("%", "%%")
    for number in stand_ins:
        pattern = pattern.replace(str(number), "%d")
    is_theirs = pattern.count("%d") == numbers and pattern % stand_ins == made
    return pattern if is_theirs else None
