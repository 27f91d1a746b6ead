"""Drawing: a picture as geometry. templates/results/picture.html makes SVG of it, results_pdf.py a page.

Per cents across and pixels down, like the timeline: one picture fits every screen without a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple


class DrawnArea(NamedTuple):
    """What lies below a line of points, down to the bottom of the picture's field."""

    tone: str  # of a state, as in status.css
    points: Sequence[tuple[float, float]]

    @property
    def path(self) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


class DrawnBar(NamedTuple):
    tone: str
    x: float
    y: float
    width: float
    height: float
    label: str


class DrawnLine(NamedTuple):
    kind: Literal["axis", "cut", "mark"]
    x1: float
    y1: float
    x2: float
    y2: float
    label: str = ""


class DrawnWords(NamedTuple):
    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """`description`: the picture in words. `tones`: what its colours mean, in order. `top`, `bottom`: where
    its areas are, and no words.
    """

    name: str  # within its page
    title: str
    description: str
    height: float
    tones: Sequence[tuple[str, str]]  # tone, word
    top: float = 0
    bottom: float = 0
    areas: Sequence[DrawnArea] = ()
    lines: Sequence[DrawnLine] = ()
    bars: Sequence[DrawnBar] = ()
    words: Sequence[DrawnWords] = ()
