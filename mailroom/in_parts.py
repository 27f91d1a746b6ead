"""Chunks of what may be long, as itertools.batched makes them from Python 3.12 on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_parts(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """All of `rows`, `size` of them at a time; read no further than is asked for."""
    rest = iter(rows)
    while some := list(islice(rest, size)):
        yield some
