"""The one table of states and moves, and what is made from it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mailroom.ledger import moves
from mailroom.ledger.moves import MOVES, OF_A_PERSON, by_person
from mailroom.ledger.states import SENDING, TERMINAL, WAITING, State

DOCS = Path(__file__).parents[2] / "docs"


def test_once_unknown_it_is_sent_or_stays_unknown_or_comes_back() -> None:
    after = {move.after for move in MOVES if State.UNKNOWN in move.before}
    assert after == {State.SENT, State.UNKNOWN, State.SENDING, State.BOUNCED}


def test_what_may_have_arrived_never_ends_as_unsent() -> None:
    unsent = {*TERMINAL, State.DEFERRED} - {State.SENT, State.BOUNCED}
    kept = {
        move.in_doubt for move in MOVES if move.after in unsent and move.before and move not in OF_A_PERSON
    }
    assert {move.after if move else None for move in kept} == {State.UNKNOWN}


def test_what_is_sent_stays_sent_unless_it_comes_back() -> None:
    assert {move.after for move in MOVES if State.SENT in move.before} == {State.BOUNCED}
    assert {state for move in MOVES if move.after is State.BOUNCED for state in move.before} == {
        State.SENT,
        State.UNKNOWN,
    }
    assert not [move for move in MOVES if State.BOUNCED in move.before]


def test_every_state_can_be_reached_and_every_waiting_one_left() -> None:
    assert {move.after for move in MOVES} == set(State)
    for state in (*WAITING, SENDING):
        assert any(state in move.before and move.after in TERMINAL for move in MOVES)


def test_no_move_stands_beside_the_table() -> None:
    assert {move for move in vars(moves).values() if isinstance(move, moves.Move)} == set(MOVES)


def test_what_a_person_may_do_stands_in_the_table() -> None:
    assert {state.value: [move.name for move in by_person(state)] for state in State} == {
        "queued": ["cancel"],
        "sending": [],
        "deferred": ["retry", "cancel"],
        "unknown": ["confirm", "resend"],
        "sent": [],
        "failed": ["retry"],
        "bounced": [],
        "suppressed": ["retry"],
        "canceled": ["retry"],
        "expired": ["retry"],
    }


def test_the_picture_and_the_page_show_every_state_and_every_move() -> None:
    spec = importlib.util.spec_from_file_location("state_machine", DOCS / "state_machine.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PICTURE.read_text() == script.draw(), "run: python docs/state_machine.py"
    page = script.PAGE.read_text()
    assert page == script.tables(page), "run: python docs/state_machine.py"
    for move in MOVES:
        before = ", ".join(move.before) or "(new)"
        assert f"| {before} | {move.after} | {move.name} | {move.who} | {move.when} |" in page
    for state in State:
        assert f"| `{state}` | {state.sentence} | `{state.about.last_event}` |" in page
