"""A time axis: moments to per cents of a width, with idle stretches cut out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

BREAK = 4.0
"""Per cent of the width that a cut-out stretch still takes: a visible gap."""

STEPS = [
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(seconds * 1000 for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)),
    *(hours * 3_600_000 for hours in (2, 4, 8, 12, 24, 48, 168)),
]


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Stretch:
    begun: int
    ended: int
    x: float
    width: float


class Timescale:
    """Busy stretches side by side; a wait of minutes between them takes no more than a gap.

    A mail that is retried an hour later would otherwise squeeze all that went out at
    first into one pixel.
    """

    def __init__(self, stretches: list[tuple[int, int]]) -> None:
        room = 100 - BREAK * (len(stretches) - 1)
        busy = sum(end - begin for begin, end in stretches)
        x = 0.0
        self.stretches: list[Stretch] = []
        for begin, end in stretches:
            width = room * (end - begin) / busy
            self.stretches.append(Stretch(begin, end, x, width))
            x += width + BREAK
        self._begins = [stretch.begun for stretch in self.stretches]
        self.begun = stretches[0][0]

    @classmethod
    def over(cls, spans: Iterable[tuple[int, int]]) -> Timescale:
        """The scale on which every span has its place; at least one span."""
        merged: list[list[int]] = []
        ordered = sorted(spans)
        busy = sum(end - begin for begin, end in ordered) / 10
        longest = max(2000.0, min(busy, 60_000.0))  # idle time that is still drawn as it was
        for begin, end in ordered:
            if merged and begin - merged[-1][1] <= longest:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([begin, end])
        while len(merged) > 9:  # many retries: cut out the longest waits only
            gap = min(range(1, len(merged)), key=lambda i: merged[i][0] - merged[i - 1][1])
            merged[gap - 1][1] = max(merged[gap - 1][1], merged.pop(gap)[1])
        whole = sum(end - begin for begin, end in merged)
        # A stretch of one quick mail still needs a width one can see.
        least = max(1, whole // 20)
        return cls([(begin, max(end, begin + least)) for begin, end in merged])

    def place(self, moment: int) -> float:
        """Where `moment` is, in per cent."""
        stretch = self.stretches[max(bisect_right(self._begins, moment) - 1, 0)]
        share = (moment - stretch.begun) / (stretch.ended - stretch.begun)
        return stretch.x + stretch.width * min(max(share, 0.0), 1.0)

    def moment(self, x: float) -> float:
        """What moment is at `x` per cent: `place` the other way round."""
        for stretch in self.stretches:
            if x <= stretch.x + stretch.width:
                share = max(x - stretch.x, 0.0) / stretch.width if stretch.width else 0.0
                return stretch.begun + share * (stretch.ended - stretch.begun)
        return float(self.stretches[-1].ended)

    def ticks(self, most: int = 5) -> list[Tick]:
        """Round times since the beginning, few enough to be read on a telephone."""
        ticks = [Tick(0.0, "0")]
        for stretch in self.stretches:
            here = max(1, round(most * stretch.width / 100))
            step = next((s for s in STEPS if (stretch.ended - stretch.begun) / s <= here), STEPS[-1])
            since = stretch.begun - self.begun
            offset = (since // step + 1) * step
            while offset <= stretch.ended - self.begun:
                x = self.place(self.begun + offset)
                if x - ticks[-1].x >= 60 / most and x <= 97:
                    ticks.append(Tick(round(x, 2), words(offset)))
                offset += step
        return ticks

    def breaks(self) -> list[Tick]:
        """The middle of each cut, and how long the wait really was."""
        return [
            Tick(round(after.x - BREAK / 2, 2), words(after.begun - before.ended))
            for before, after in zip(self.stretches, self.stretches[1:], strict=False)
        ]


def words(millis: int) -> str:
    """`millis` as a person says it: 250 ms, 2 s, 1 min 30 s, 4 h."""
    if millis < 1000:
        return f"{millis} ms"
    seconds = millis / 1000
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 and millis % 1000 else f"{round(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")
