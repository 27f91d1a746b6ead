"""The states of a delivery and their moves for docs/: a picture, and the tables of reliability.md.

`python docs/state_machine.py` writes them anew.
"""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from mailroom.ledger.moves import MOVES, Move  # noqa: E402  the path comes first
from mailroom.ledger.states import SENDING, SENT, UNKNOWN, State  # noqa: E402

PICTURE = ROOT / "docs" / "images" / "states.svg"
PAGE = ROOT / "docs" / "reliability.md"
START: tuple[str, ...] = ()
WAITING = tuple(state for state in State if state.about.waits and state is not UNKNOWN)
ENDED = tuple(state for state in State if state.about.is_terminal and state is not SENT)


class Arrow(NamedTuple):
    """From one group of states to another, along an SVG path; its label at x, y."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    path: str
    x: int
    y: int


ARROWS = (
    Arrow(START, WAITING, "M150 40 V78", 162, 64),
    Arrow(START, ENDED, "M590 580 V532", 602, 572),
    Arrow(WAITING, WAITING, "M60 150 C10 170 10 230 60 250", 2, 324),
    Arrow(WAITING, (SENDING,), "M240 170 C300 150 330 160 378 186", 276, 150),
    Arrow((SENDING,), WAITING, "M378 222 C330 245 300 250 240 232", 276, 268),
    Arrow((SENDING,), (SENT,), "M502 190 L748 132", 582, 148),
    Arrow((SENDING,), (UNKNOWN,), "M502 214 L748 292", 612, 238),
    Arrow((UNKNOWN,), (SENDING,), "M748 318 C640 340 520 320 462 236", 556, 332),
    Arrow((UNKNOWN,), (SENT,), "M810 282 V146", 822, 218),
    Arrow((UNKNOWN,), (UNKNOWN,), "M872 296 C920 280 920 330 872 314", 800, 354),
    Arrow((SENDING,), ENDED, "M430 230 V438", 442, 400),
    Arrow(WAITING, ENDED, "M150 302 C150 420 190 470 288 470", 176, 388),
    Arrow((SENT,), ENDED, "M872 124 C960 180 960 400 880 436", 862, 180),
    Arrow((UNKNOWN,), ENDED, "M770 330 V436", 778, 412),
    Arrow(ENDED, WAITING, "M288 500 C110 500 90 440 90 306", 112, 522),
)
MIDDLE = {SENDING: (440, 200), SENT: (810, 120), UNKNOWN: (810, 305)}


def _nodes() -> dict[State, tuple[int, int]]:
    """Where each state stands: those of a group evenly in its frame."""
    down, across = 220 / len(WAITING), 606 / len(ENDED)
    return (
        {state: (150, round(82 + down * (place + 0.5))) for place, state in enumerate(WAITING)}
        | {state: (round(292 + across * (place + 0.5)), 485) for place, state in enumerate(ENDED)}
        | MIDDLE
    )


STYLE = """
svg { --paper: #fffdf8; --ink: #2b2a27; --red: #8a3b2e; --box: #fff; --end: #f0ebe0; --sent: #dcebdc;
  background: var(--paper); font: 15px system-ui, sans-serif; fill: var(--ink); }
@media (prefers-color-scheme: dark) {
  svg { --paper: #1d1c1a; --ink: #f1ece2; --red: #e39a8a; --box: #383530; --end: #2a2825; --sent: #2f4a35; }
}
.state rect { fill: var(--box); stroke: var(--ink); stroke-width: 1.5; }
.end rect { fill: var(--end); } .sent rect { fill: var(--sent); }
.group { fill: none; stroke: #8f8778; stroke-dasharray: 5 4; }
.arrow { fill: none; stroke: var(--red); stroke-width: 1.5; marker-end: url(#tip); }
#tip path { fill: var(--red); }
text { text-anchor: middle; } .label { text-anchor: start; font-size: 13px; fill: var(--red); }
"""


def moves(before: tuple[str, ...], after: tuple[str, ...]) -> list[Move]:
    """The moves that lead from one of these states to one of those."""
    return [
        move
        for move in MOVES
        if move.after in after and (set(move.before) & set(before) or not (move.before or before))
    ]


def draw() -> str:
    """The SVG; refuses to leave out a move or a state."""
    drawn = [move for arrow in ARROWS for move in moves(arrow.before, arrow.after)]
    assert set(drawn) == set(MOVES), set(MOVES) - set(drawn)
    nodes = _nodes()
    assert set(nodes) == set(State), set(State) - set(nodes)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 600" role="img">',
        "<title>The states of a delivery and every move between them</title>",
        f"<style>{STYLE}</style>",
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker>',
        '<rect class="group" x="60" y="82" width="180" height="220" rx="10"/>',
        '<rect class="group" x="292" y="442" width="606" height="86" rx="10"/>',
        *(_arrow(arrow) for arrow in ARROWS),
        *(_node(name, x, y) for name, (x, y) in nodes.items()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _arrow(arrow: Arrow) -> str:
    names = dict.fromkeys(move.name for move in moves(arrow.before, arrow.after))
    label = escape(", ".join(names))
    return (
        f'<path class="arrow" d="{arrow.path}"/>'
        f'<text class="label" x="{arrow.x}" y="{arrow.y}">{label}</text>'
    )


def _node(name: str, x: int, y: int) -> str:
    kind = "sent" if name == State.SENT else "end" if name in ENDED else ""
    width = 92 if name in ENDED else 124
    left, top = x - width // 2, y - 24
    return (
        f'<g class="state {kind}"><rect x="{left}" y="{top}" width="{width}" height="48" rx="8"/>'
        f'<text x="{x}" y="{y + 5}">{name}</text></g>'
    )


STATES_HEAD = "| state | what it means | `last_event` | webhook |\n|---|---|---|---|\n"
MOVES_HEAD = "| from | to | move | who | when |\n|---|---|---|---|---|\n"


def tables(page: str) -> str:
    """The page with these tables as they are now."""
    told = (
        f"| `{state}` | {state.sentence} | `{state.about.last_event}` "
        f"| {f'`{state.about.event}`' if state.about.event else ''} |\n"
        for state in State
    )
    made = (
        f"| {', '.join(move.before) or '(new)'} | {move.after} | {move.name} | {move.who} | {move.when} |\n"
        for move in MOVES
    )
    for head, rows in ((STATES_HEAD, told), (MOVES_HEAD, made)):
        before, _, behind = page.partition(head)
        page = before + head + "".join(rows) + re.sub(r"\A(\|.*\n)*", "", behind)
    return page


if __name__ == "__main__":
    PICTURE.write_text(draw())
    PAGE.write_text(tables(PAGE.read_text()))
