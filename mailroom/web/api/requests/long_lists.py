"""Lists that are counted before they are looked into, and of whose mistakes the first few are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BeforeValidator, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from mailroom.web.api.wording import sentence

ITEMS_NAMED = 3
"""Of a long list: so many bad items are told of."""


def at_most(number: int) -> BeforeValidator:
    """Counts before it is looked into: pydantic counts what it found good, and keeps every mistake."""

    def count(value: object) -> object:
        if isinstance(value, list | tuple) and len(value) > number:
            raise ValueError(f"This has {len(value):,} items, and {number:,} is the most.")
        return value

    return BeforeValidator(count)


def first_mistakes(values: Any, validated: Callable[[Any], Any]) -> Any:
    """The validated list, or the mistakes of its first few bad items. For one that fails fast."""
    mistakes: list[InitErrorDetails] = []
    start = 0
    for _ in range(ITEMS_NAMED):
        try:
            found = validated(values[start:] if start else values)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            if not details[0]["loc"]:
                raise  # it is no list, or one of another length
            mistakes += [_moved(detail, start) for detail in details]
            start = int(mistakes[-1]["loc"][0]) + 1
            if start == len(values):
                break
        else:
            if not mistakes:
                return found
            break
    raise ValidationError.from_exception_data("list", mistakes)


def _moved(detail: ErrorDetails, by: int) -> InitErrorDetails:
    at, *path = detail["loc"]
    known = "missing" if detail["type"] == "missing" else "ours"
    kind = PydanticCustomError(known, "{words}", {"words": sentence(detail)})
    return InitErrorDetails(type=kind, loc=(int(at) + by, *path), input=None)
