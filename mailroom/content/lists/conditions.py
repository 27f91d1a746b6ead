"""Conditions over a list's columns: all of them must hold. No language, and nothing that is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from mailroom.content.merge.plain import Value, text_of

MOST_CONDITIONS = 20


class Comparison(StrEnum):
    """How a value is compared."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    IS_EMPTY = "is_empty"
    IS_NOT_EMPTY = "is_not_empty"
    LESS = "less"
    GREATER = "greater"


COMPARISON_WORDS = {
    Comparison.IS: "is",
    Comparison.IS_NOT: "is not",
    Comparison.CONTAINS: "contains",
    Comparison.IS_EMPTY: "is empty",
    Comparison.IS_NOT_EMPTY: "is not empty",
    Comparison.LESS: "is less than, or before",
    Comparison.GREATER: "is greater than, or after",
}

COLUMNS_OF_EVERYBODY = ("email", "name", "consent")
"""Beside a list's own; the last is `given`, `withdrawn` or empty."""


class Condition(NamedTuple):
    """Of one column."""

    column: str
    test: Comparison
    value: str = ""

    def holds(self, values: Mapping[str, Value]) -> bool:
        """A value that is not there is empty. Letters are compared in any case, numbers as numbers."""
        found, wanted = text_of(values.get(self.column)).strip().casefold(), self.value.strip().casefold()
        match self.test:
            case Comparison.IS:
                return _are_same(found, wanted)
            case Comparison.IS_NOT:
                return not _are_same(found, wanted)
            case Comparison.CONTAINS:
                return wanted in found
            case Comparison.IS_EMPTY:
                return not found
            case Comparison.IS_NOT_EMPTY:
                return bool(found)
            case Comparison.LESS:
                return bool(found) and _is_less(found, wanted)
            case Comparison.GREATER:
                return bool(found) and _is_less(wanted, found)


def all_hold(conditions: Sequence[Condition], values: Mapping[str, Value]) -> bool:
    return all(condition.holds(values) for condition in conditions)


def unknown_columns(conditions: Iterable[Condition], columns: Iterable[str]) -> list[str]:
    """Those that the list has not: a misspelt one would find nobody, or everybody."""
    known = {*columns, *COLUMNS_OF_EVERYBODY}
    return [one.column for one in conditions if one.column not in known]


def _are_same(one: str, other: str) -> bool:
    if one == other:
        return True
    numbers = _number(one), _number(other)
    return None not in numbers and numbers[0] == numbers[1]


def _is_less(one: str, other: str) -> bool:
    """As numbers where both are, else as texts: dates like 2026-12-31 are in their order then."""
    first, second = _number(one), _number(other)
    if first is not None and second is not None:
        return first < second
    return one < other


def _number(text: str) -> float | None:
    if not text or len(text) > 40 or text[-1] not in "0123456789.":
        return None
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None
