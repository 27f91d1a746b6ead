"""The chart of the last hour's throughput, as geometry: a bar for each minute.

Per cents across and pixels down, like the timeline; templates/attention/throughput.html draws it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mailroom.database.clock import from_millis
from mailroom.ledger.deliveries.throughput import MINUTE_MS, MINUTES, Throughput
from mailroom.web.layout.filters import count

CHART_HEIGHT = 120
"""Pixels from the axis to the tallest bar."""

MINUTE_BAR_WIDTH = 100 / MINUTES * 0.8

TOLD_TOGETHER = 10
"""Minutes that a row of the figures sums up."""


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Figure:
    """So many mails from one moment to another."""

    began: datetime
    ended: datetime
    number: int


@dataclass(frozen=True, slots=True)
class ThroughputChart:
    bars: list[Bar]
    figures: list[Figure]
    total: int
    most: int
    is_sample: bool

    @property
    def description(self) -> str:
        """The picture in words."""
        about = "about " if self.is_sample else ""
        return f"{about}{count(self.total, 'mail')} in the last hour, {self.most:,} in the busiest minute"


def chart_of(throughput: Throughput) -> ThroughputChart:
    minutes = throughput.minutes
    most = max(minutes)
    bars = [_bar(place, number, most) for place, number in enumerate(minutes) if number]
    figures = [
        Figure(_at(throughput, place), _at(throughput, place + TOLD_TOGETHER), sum(some))
        for place in range(0, MINUTES, TOLD_TOGETHER)
        if (some := minutes[place : place + TOLD_TOGETHER])
    ]
    return ThroughputChart(bars, figures, throughput.total, most, throughput.is_sample)


def _bar(place: int, number: int, most: int) -> Bar:
    height = max(2.0, round(CHART_HEIGHT * number / most, 1))  # what was sent must be seen
    ago = MINUTES - 1 - place
    label = f"{count(number, 'mail')}, {f'{ago} min ago' if ago else 'this minute'}"
    return Bar(round(100 * place / MINUTES, 2), round(CHART_HEIGHT - height, 1), height, label)


def _at(throughput: Throughput, place: int) -> datetime:
    return from_millis(throughput.began + place * MINUTE_MS)
