"""Tally: for whom each finding holds, counted in many places and added up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mailroom.content.preflight.kinds import ROWS_NAMED, Kind

MOST_FOUND = 200
"""Findings that are told apart: values may make each recipient's a different one."""

EXAMPLES_KEPT = 3


class Odd(NamedTuple):
    """What is found. `about` tells it from others of its kind: a tag's name, a link, a reason."""

    kind: Kind
    about: str = ""


class Found:
    """One of them: for how many, the first rows, some examples, the largest size (octets)."""

    __slots__ = ("count", "examples", "largest", "rows")

    def __init__(self) -> None:
        self.count = self.largest = 0
        self.rows: list[int] = []
        self.examples: list[str] = []

    def add(self, other: Found) -> None:
        """In any order."""
        self.count += other.count
        self.largest = max(self.largest, other.largest)
        self.rows = sorted([*self.rows, *other.rows])[:ROWS_NAMED]
        self.examples = [*self.examples, *other.examples][:EXAMPLES_KEPT]


class Tally:
    """Everything that was found so far."""

    def __init__(self) -> None:
        self._found: dict[Odd, Found] = {}

    def note(self, odd: Odd, row: int, example: str = "", size: int = 0) -> None:
        """Rows come in rising order."""
        found = self._of(odd)
        found.count += 1
        if len(found.rows) < ROWS_NAMED:
            found.rows.append(row)
        if example and len(found.examples) < EXAMPLES_KEPT:
            found.examples.append(example)
        if size > found.largest:
            found.largest = size

    def add(self, other: Tally) -> None:
        for odd, found in other:
            self._of(odd).add(found)

    def __iter__(self) -> Iterator[tuple[Odd, Found]]:
        return iter(self._found.items())

    def count(self, kind: Kind) -> int:
        return sum(found.count for odd, found in self if odd.kind is kind)

    def _of(self, odd: Odd) -> Found:
        if odd not in self._found and len(self._found) >= MOST_FOUND:
            odd = Odd(odd.kind)
        return self._found.setdefault(odd, Found())
