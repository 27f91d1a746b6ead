"""Chunks of what may be long, as itertools.batched makes them from Python 3.12 on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_parts_by_weight(
    rows: Iterable[T], size: int, weigh: Callable[[T], int], most: int
) -> Iterator[list[T]]:
    """The same, of which a part weighs no more than `most`, unless it is one row."""
    part, weight = list[T](), 0
    for row in rows:
        more = weigh(row)
        if part and (len(part) == size or weight + more > most):
            yield part
            part, weight = [], 0
        part.append(row)
        weight += more
    if part:
        yield part


def in_parts(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """All of `rows`, `size` of them at a time; read no further than is asked for."""
    rest = iter(rows)
    while some := list(islice(rest, size)):
        yield some
