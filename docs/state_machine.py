"""Draws docs/images/states.svg from the table of moves: `python docs/state_machine.py`."""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from mailroom.ledger import states  # noqa: E402  the path comes first

PICTURE = ROOT / "docs" / "images" / "states.svg"
START: tuple[str, ...] = ()
WAITING = (states.QUEUED, states.DEFERRED)
ENDED = (states.FAILED, states.SUPPRESSED, states.CANCELED, states.EXPIRED)
SENDING, SENT, UNKNOWN = (states.SENDING,), (states.SENT,), (states.UNKNOWN,)


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
    Arrow(WAITING, SENDING, "M240 170 C300 150 330 160 378 186", 276, 150),
    Arrow(SENDING, WAITING, "M378 222 C330 245 300 250 240 232", 276, 268),
    Arrow(SENDING, SENT, "M502 190 L748 132", 582, 148),
    Arrow(SENDING, UNKNOWN, "M502 214 L748 292", 612, 238),
    Arrow(UNKNOWN, SENDING, "M748 318 C640 340 520 320 462 236", 556, 332),
    Arrow(UNKNOWN, SENT, "M810 282 V146", 822, 218),
    Arrow(UNKNOWN, UNKNOWN, "M872 296 C920 280 920 330 872 314", 800, 354),
    Arrow(SENDING, ENDED, "M430 230 V438", 442, 400),
    Arrow(WAITING, ENDED, "M150 302 C150 420 190 470 288 470", 176, 388),
    Arrow(ENDED, WAITING, "M288 500 C110 500 90 440 90 306", 112, 522),
)
NODES = {
    states.QUEUED: (150, 150),
    states.DEFERRED: (150, 250),
    states.SENDING: (440, 200),
    states.SENT: (810, 120),
    states.UNKNOWN: (810, 305),
    states.FAILED: (370, 485),
    states.SUPPRESSED: (520, 485),
    states.CANCELED: (670, 485),
    states.EXPIRED: (820, 485),
}
STYLE = """
svg { background: #fffdf8; font: 15px system-ui, sans-serif; fill: #2b2a27; }
.state rect { fill: #fff; stroke: #2b2a27; stroke-width: 1.5; }
.end rect { fill: #f0ebe0; } .sent rect { fill: #dcebdc; }
.group { fill: none; stroke: #b8b0a0; stroke-dasharray: 5 4; }
.arrow { fill: none; stroke: #8a3b2e; stroke-width: 1.5; marker-end: url(#tip); }
text { text-anchor: middle; } .label { text-anchor: start; font-size: 13px; fill: #8a3b2e; }
"""


def moves(before: tuple[str, ...], after: tuple[str, ...]) -> list[states.Move]:
    """The moves that lead from one of these states to one of those."""
    return [
        move
        for move in states.MOVES
        if move.after in after and (set(move.before) & set(before) or not (move.before or before))
    ]


def draw() -> str:
    """The SVG; refuses to leave out a move."""
    drawn = [move for arrow in ARROWS for move in moves(arrow.before, arrow.after)]
    assert set(drawn) == set(states.MOVES), set(states.MOVES) - set(drawn)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 600" role="img">',
        "<title>The states of a delivery and every move between them</title>",
        f"<style>{STYLE}</style>",
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#8a3b2e"/></marker>',
        '<rect class="group" x="60" y="82" width="180" height="220" rx="10"/>',
        '<rect class="group" x="292" y="442" width="606" height="86" rx="10"/>',
        *(_arrow(arrow) for arrow in ARROWS),
        *(_node(name, x, y) for name, (x, y) in NODES.items()),
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
    kind = "sent" if name == states.SENT else "end" if name in ENDED else ""
    return (
        f'<g class="state {kind}"><rect x="{x - 62}" y="{y - 24}" width="124" height="48" rx="8"/>'
        f'<text x="{x}" y="{y + 5}">{name}</text></g>'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw())
