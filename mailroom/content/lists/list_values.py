"""Values of a list's member: what they may be, and the words by which a search finds them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mailroom.content.merge.plain import Value, text_of

LARGEST_VALUES = 64 << 10
"""Characters of one member's values, as JSON."""

WORDS_KEPT = 2_000
"""Characters of name and values that a search looks through."""


class ValuesTooLong(ValueError):
    """`str()` is a sentence."""


def compact(values: Mapping[str, Value]) -> dict[str, Value]:
    """Those that say something: an empty cell, and one that is not there, are the same."""
    return {name: value for name, value in values.items() if value is not None and value != ""}


def as_json(values: Mapping[str, Value]) -> str:
    """Raises ValuesTooLong."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    if len(text) > LARGEST_VALUES:
        raise ValuesTooLong(f"The values of one recipient have more than {LARGEST_VALUES:,} characters.")
    return text


def words_of(name: str, values: Mapping[str, Value]) -> str:
    """In small letters, one a line: no search finds what begins in one value and ends in the next."""
    return "\n".join([name, *map(text_of, values.values())])[:WORDS_KEPT].replace("\0", "").lower().strip()
