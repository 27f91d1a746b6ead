"""Figures that a goal's measurement gives: tables, checks, a chart. Plain enough for JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

ROUNDS = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Check:
    """One sentence of a goal: what was wanted, what was measured."""

    wanted: str
    measured: str
    is_met: bool


@dataclass(frozen=True)
class Chart:
    """Bars, longest best or not: the title says."""

    title: str
    unit: str
    bars: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Result:
    """One goal as it was measured. `words`: under which conditions."""

    goal: str
    title: str
    words: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    checks: Sequence[Check]
    chart: Chart | None = None
    notes: Sequence[str] = field(default=())
    further_charts: Sequence[Chart] = field(default=())

    @property
    def is_met(self) -> bool:
        return all(check.is_met for check in self.checks)


def alternating(runs: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Each run `rounds` times, one after the other and from the start again: noise meets all alike."""
    found: dict[str, list[T]] = {name: [] for name in runs}
    for number in range(ROUNDS):
        for name, run in runs.items():
            found[name].append(run())
            print(f"    {number + 1}/{ROUNDS} {name}: {found[name][-1]}", flush=True)
    return found


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def at_least(wanted: str, measured: float, limit: float, unit: str = "x") -> Check:
    return Check(wanted, f"{measured:,.2f} {unit}".replace(".00 ", " "), measured >= limit)


def below(wanted: str, measured: float, limit: float, unit: str) -> Check:
    return Check(wanted, f"{measured:,.2f} {unit}", measured < limit)
