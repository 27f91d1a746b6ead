"""Results by domain: what became of a mailing's mail to each, and how long it took there."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple, Self

from mailroom.ledger.deliveries.results import DomainCount
from mailroom.ledger.states import SENT, State

DOMAINS_TOLD = 20


class Spread(NamedTuple):
    """From the first try to the relay's 250: half of them took no longer, and 95 % of them."""

    median_ms: int
    p95_ms: int

    @classmethod
    def of(cls, times: Mapping[int, int]) -> Self | None:
        """`times`: how many took so long; None when there are none."""
        number = sum(times.values())
        if not number:
            return None
        return cls(_nth(times, (number + 1) // 2), _nth(times, -(-number * 95 // 100)))


@dataclass(frozen=True, slots=True)
class DomainFigures:
    """`deferred`: how many had more than one try, or wait for another."""

    domain: str
    counts: Mapping[State, int]
    deferred: int
    tries: int
    most_tries: int
    took: Spread | None

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(slots=True)
class DomainsTold:
    """The largest domains, the slowest, and what is true of all."""

    largest: list[DomainFigures] = field(default_factory=list)
    slowest: list[DomainFigures] = field(default_factory=list)
    number: int = 0
    took: Spread | None = None
    first_at: int | None = None
    last_at: int | None = None


def told_by_domain(rows: Iterable[DomainCount]) -> DomainsTold:
    """`rows`: domain by domain. No more of them is kept than is told."""
    told, times = DomainsTold(), Counter[int]()
    for figures, own_times, first, last in _each(rows):
        told.number += 1
        times.update(own_times)  # `+=` would look through all of them at each domain
        told.largest = heapq.nlargest(DOMAINS_TOLD, [*told.largest, figures], key=lambda one: one.total)
        if figures.took is not None:
            told.slowest = heapq.nlargest(DOMAINS_TOLD, [*told.slowest, figures], key=_slowness)
        told.first_at = min((at for at in (told.first_at, first) if at is not None), default=None)
        told.last_at = max((at for at in (told.last_at, last) if at is not None), default=None)
    told.took = Spread.of(times)
    return told


def _slowness(figures: DomainFigures) -> tuple[int, int]:
    assert figures.took is not None
    return figures.took.p95_ms, figures.took.median_ms


def _each(
    rows: Iterable[DomainCount],
) -> Iterator[tuple[DomainFigures, Counter[int], int | None, int | None]]:
    """With how long its mails took, and when the first and last of them that are sent were."""
    for domain, own in groupby(rows, key=lambda row: row.domain):
        counts, times = Counter[State](), Counter[int]()
        deferred = tries = most = 0
        first: int | None = None
        last: int | None = None
        for row in own:
            counts[row.state] += row.number
            deferred, tries, most = deferred + row.again, tries + row.tries, max(most, row.most_tries)
            if row.took_ms is not None:
                times[row.took_ms] += row.number
            if row.state is SENT:
                first = row.first_at if first is None else min(first, row.first_at)
                last = row.last_at if last is None else max(last, row.last_at)
        yield DomainFigures(domain, counts, deferred, tries, most, Spread.of(times)), times, first, last


def _nth(times: Mapping[int, int], place: int) -> int:
    """The time at that place, from 1, of all in their order."""
    for took in sorted(times):
        place -= times[took]
        if place <= 0:
            return took
    raise ValueError("so many there are not")
