"""The floors of the code for docs/: a picture of which package imports which, and the table of packages.

`python docs/floors.py` makes both anew: of the floors and the imports as tests/test_imports.py sees them,
and of the first sentence of each package.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.test_imports import LAYERS, RANKS, SIDEWAYS, SOURCES, imported, module_of, part_of  # noqa: E402

PICTURE = ROOT / "docs" / "images" / "floors.svg"
GLOSSARY = ROOT / "docs" / "glossary.md"

Edge = tuple[str, str]


class Floor(NamedTuple):
    """A layer: what it is (two lines), where it stands, and from left to right who lives there."""

    name: tuple[str, str]
    top: int
    height: int
    rooms: dict[str, tuple[int, int]]  # left and right end


FLOORS = (  # from the top
    Floor(("what is", "started"), 8, 62, {"app": (334, 572), "worker": (586, 658), "start": (714, 786)}),
    Floor(
        ("ways in, and", "local tools"),
        104,
        222,
        {
            "front": (146, 200),
            "submission": (218, 324),
            "web": (334, 500),
            "cli": (520, 596),
            "jobs": (606, 656),
            "flask": (664, 714),
            "local": (722, 778),
            "sink": (876, 936),
        },
    ),
    Floor(("where they", "meet"), 360, 80, {"engine": (226, 706)}),
    Floor(("what comes", "back"), 474, 62, {"feedback": (226, 396)}),
    Floor(
        ("the truth, texts,", "wires, the queue"),
        570,
        160,
        {
            "content": (196, 330),
            "smtp": (340, 396),
            "imap": (404, 450),
            "http": (456, 494),
            "queue": (500, 564),
            "ledger": (580, 832),
        },
    ),
    Floor(
        ("how SQL is run,", "settings, log"),
        764,
        62,
        {"log": (302, 372), "settings": (428, 520), "database": (650, 762)},
    ),
    Floor(
        ("paths, threads,", "whom to believe"),
        860,
        62,
        {
            "proxies": (146, 230),
            "host_names": (246, 346),
            "urls": (362, 450),
            "stop_signals": (466, 572),
            "supervision": (588, 700),
            "in_parts": (712, 786),
            "memory": (798, 876),
            "files": (888, 940),
        },
    ),
)
PLACES = {part: (floor, *ends) for floor in FLOORS for part, ends in floor.rooms.items()}
MARGIN = 11
"""Between a floor's edge and a box."""

GAP = 34
"""Between two floors."""

STYLE = """
svg { --paper: #fffdf8; --floor: #f0ebe0; --box: #fff; --ink: #2b2a27; --soft: #6f685b; --red: #8a3b2e;
  background: var(--paper); font: 15px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #1d1c1a; --floor: #2a2825; --box: #383530; --ink: #f1ece2; --soft: #b0a897; --red: #e39a8a; }
}
.floor { fill: var(--floor); } .box { fill: var(--box); stroke: var(--ink); stroke-width: 1.5; }
.arrow { fill: none; stroke: var(--red); stroke-width: 1.5; marker-end: url(#tip); }
.beside { stroke-dasharray: 4 3; } #tip path { fill: var(--red); }
text { fill: var(--ink); text-anchor: middle; } .name { font-weight: 600; }
.about, .inner { fill: var(--soft); font-size: 13px; } .about { text-anchor: start; }
"""


def edges() -> set[Edge]:
    """Who imports whom, part by part."""
    own = ((part_of(module_of(path)), path) for path in SOURCES)
    return {
        (part, other)
        for part, path in own
        if part is not None
        for _, module in imported(path)
        if (other := part_of(module)) not in (None, part)
    }


def needed(every: set[Edge]) -> set[Edge]:
    """Transitive reduction: without the arrows that a longer way down implies."""
    downward = {(above, below) for above, below in every if RANKS[above] > RANKS[below]}

    def reached(part: str) -> set[str]:
        below = {low for high, low in downward if high == part}
        return below.union(*map(reached, below))

    implied = {
        (above, further)
        for above, below in downward
        for further in reached(below)
        if (above, further) in downward
    }
    return downward - implied


def rooms_of(part: str) -> list[str]:
    """The packages in a package."""
    folder = ROOT / "mailroom" / part
    return sorted(path.parent.name for path in folder.glob("*/__init__.py"))


def draw() -> str:
    """The SVG; refuses to leave out a part, or to put one on another floor than it has."""
    assert [set(floor.rooms) for floor in FLOORS] == LAYERS[::-1]
    every = edges()
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 930" role="img">',
        "<title>The packages of Mailroom on their floors, and which of them imports which</title>",
        f"<style>{STYLE}</style>",
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker>',
        *(_floor(floor) for floor in FLOORS),
        *(_down(*edge) for edge in sorted(needed(every))),
        *(_beside(*edge) for edge in sorted(every & SIDEWAYS)),
        *(_box(part) for part in PLACES),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _floor(floor: Floor) -> str:
    middle = floor.top + floor.height // 2
    lines = "".join(
        f'<text class="about" x="20" y="{middle - 3 + 17 * place}">{line}</text>'
        for place, line in enumerate(floor.name)
    )
    return f'<rect class="floor" x="8" y="{floor.top}" width="944" height="{floor.height}" rx="10"/>{lines}'


def _box(part: str) -> str:
    floor, left, right = PLACES[part]
    lines = _wrapped(rooms_of(part), (right - left) // 8)
    middle, top = (left + right) // 2, floor.top + floor.height // 2 - 17 * len(lines) // 2 + 5
    inner = "".join(
        f'<text class="inner" x="{middle}" y="{top + 17 * place}">{line}</text>'
        for place, line in enumerate(lines, 1)
    )
    return (
        f'<rect class="box" x="{left}" y="{floor.top + MARGIN}" width="{right - left}" '
        f'height="{floor.height - 2 * MARGIN}" rx="8"/>'
        f'<text class="name" x="{middle}" y="{top}">{part}</text>{inner}'
    )


def _wrapped(words: list[str], width: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + 2 <= width:
            lines[-1] += f", {word}"
        else:
            lines.append(word)
    return lines


def _down(above: str, below: str) -> str:
    """Straight down where the two stand above each other; else past what is between, then across."""
    high, left, right = PLACES[above]
    low, left_below, right_below = PLACES[below]
    y_from, y_to = high.top + high.height - MARGIN, low.top + MARGIN
    first, last = max(left, left_below), min(right, right_below)
    if first <= last:
        return f'<path class="arrow" d="M{(first + last) // 2} {y_from} V{y_to}"/>'
    start, end = (right - 16, left_below + 16) if right < left_below else (left + 16, right_below - 16)
    turn = low.top - GAP
    way = f"V{turn} C{start} {turn + GAP} {end} {low.top - GAP} {end} {y_to}"
    return f'<path class="arrow" d="M{start} {y_from} {way}"/>'


def _beside(one: str, other: str) -> str:
    floor, left, right = PLACES[one]
    _, left_of_other, right_of_other = PLACES[other]
    y = floor.top + floor.height // 2 + 30
    ends = (right, left_of_other) if right < left_of_other else (left, right_of_other)
    return f'<path class="arrow beside" d="M{ends[0]} {y} H{ends[1]}"/>'


HEAD = "| package | what lives there |\n|---|---|\n"


def table(page: str) -> str:
    """The page with its table of packages as it is now."""
    rows = (
        f"| `{path.parent.relative_to(ROOT)}/` | {_first_sentence(path)} |\n"
        for path in sorted(SOURCES)
        if path.name == "__init__.py" and path.parent.parent != ROOT
    )
    before, _, behind = page.partition(HEAD)
    return before + HEAD + "".join(rows) + re.sub(r"\A(\|.*\n)*", "", behind)


def _first_sentence(path: Path) -> str:
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    return re.split(r"(?<=\.) ", text)[0]


if __name__ == "__main__":
    PICTURE.write_text(draw())
    GLOSSARY.write_text(table(GLOSSARY.read_text()))
