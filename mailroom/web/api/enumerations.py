"""Enumerations of the API: written where they are used, as OpenAPI's `enum`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import WithJsonSchema


def one_of(words: Iterable[StrEnum]) -> WithJsonSchema:
    """With a string: it is one of these."""
    return WithJsonSchema({"type": "string", "enum": [word.value for word in words]})
