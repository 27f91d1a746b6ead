"""Words can be read, in light and in dark: WCAG AA, computed from the colour tokens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailroom.ledger.states import MailingState, State

TOKENS = Path(__file__).parents[2] / "static" / "css" / "tokens.css"
PAIR = re.compile(r"--([a-z-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\)")
COLOURS = {name: colours for name, *colours in PAIR.findall(TOKENS.read_text())} | {"white": ["ffffff"] * 2}

STATES = sorted({state.tone for state in (*State, *MailingState)})
WORDS = [
    *((ink, ground) for ink in ("ink", "ink-soft", "accent", "failed") for ground in ("paper", "sheet")),
    *(
        ("ink", ground)
        for ground in ("sunk", "hover", "failed-soft", "deferred-soft", "sent-soft", "sending-soft")
    ),
    *((state, f"{state}-soft") for state in STATES),
    *((state, "sheet") for state in STATES),
    *(("ink-soft", ground) for ground in ("hover", "sunk", "sent-soft")),
    *((ink, "accent-soft") for ink in ("ink", "ink-soft")),
    *(("accent-strong", "accent-soft"), ("stamp", "sheet"), ("stamp-strong", "stamp-soft")),
    *(("white", "act"), ("white", "act-strong"), ("on-accent", "accent")),
]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_their_ground(scheme: int) -> None:
    weak = {
        f"{ink} on {ground}": round(found, 2)
        for ink, ground in WORDS
        if (found := contrast(COLOURS[ink][scheme], COLOURS[ground][scheme])) < 4.5
    }
    assert weak == {}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_edges_of_fields_can_be_seen(scheme: int) -> None:
    assert contrast(COLOURS["line-strong"][scheme], COLOURS["sheet"][scheme]) >= 3
