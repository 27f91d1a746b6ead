"""The one table of states and moves, and what is made from it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mailroom.ledger import states
from mailroom.ledger.states import MOVES

DOCS = Path(__file__).parents[2] / "docs"


def test_once_unknown_it_is_sent_or_stays_unknown() -> None:
    after = {move.after for move in MOVES if states.UNKNOWN in move.before}
    assert after == {states.SENT, states.UNKNOWN, states.SENDING}


def test_what_is_sent_stays_sent() -> None:
    assert not [move for move in MOVES if states.SENT in move.before]


def test_every_state_can_be_reached_and_every_waiting_one_left() -> None:
    assert {move.after for move in MOVES} == set(states.DELIVERY_STATES)
    for state in (*states.WAITING, states.SENDING):
        assert any(states.may_become(state, end) for end in states.TERMINAL)


def test_the_picture_and_the_page_show_every_move() -> None:
    spec = importlib.util.spec_from_file_location("state_machine", DOCS / "state_machine.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PICTURE.read_text() == script.draw(), "run: python docs/state_machine.py"
    page = (DOCS / "reliability.md").read_text()
    for move in MOVES:
        before = ", ".join(move.before) or "(new)"
        assert f"| {before} | {move.after} | {move.name} | {move.who} | {move.when} |" in page
