"""Row ids in addresses: whole numbers, and nothing that a database could not hold."""

from __future__ import annotations

import re

from flask import Flask
from werkzeug.routing import IntegerConverter

LARGEST_ID = 2**63 - 1
"""SQLite's and PostgreSQL's largest."""


def number(text: str) -> int:
    """For `request.args.get(..., type=number)`. Raises ValueError, which that takes for "not given"."""
    if re.fullmatch("-?[0-9]{1,19}", text) is None:  # int() takes other scripts, and thousands of digits
        raise ValueError("this is no number of a row")
    value = int(text)
    if not -LARGEST_ID <= value <= LARGEST_ID:
        raise ValueError("no row has this id")
    return value


class Id(IntegerConverter):
    """`<int:...>` in a route: a number that is too large for an id is a page that is not there."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **{"max": LARGEST_ID} | options)  # type: ignore[arg-type]


def init_app(app: Flask) -> None:
    """Call it before the routes are there."""
    app.url_map.converters["int"] = Id
