"""Refusals of lists: what cannot be done with one, in the API's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mailroom.content.lists.list_values import ValuesTooLong
from mailroom.content.lists.newcomers import TooManyColumns
from mailroom.engine.lists.reading import why_not
from mailroom.ledger.lists.kept import NameTaken
from mailroom.ledger.lists.lease import ListIsBusy
from mailroom.web.api.errors import ApiError, Unprocessable


@contextmanager
def told() -> Iterator[None]:
    """Raises ApiError for what cannot be done."""
    try:
        yield
    except NameTaken as taken:
        raise ApiError(409, "validation_error", f"`name`: your program has a list called {taken}.") from None
    except ListIsBusy:
        headers = {"Retry-After": "5"}
        raise ApiError(409, "validation_error", why_not(is_half_done=False), headers) from None
    except (TooManyColumns, ValuesTooLong) as reason:
        raise Unprocessable(f"`variables`: {reason}") from None
