from __future__ import annotations

from tests.drills.all import every_drill
from tests.drills.table import BEGIN, END, PAGE


def test_it_says_for_every_drill_what_turns_it_red() -> None:
    page = PAGE.read_text()
    for drill in every_drill():
        assert f"| {drill.name} | {drill.without} |" in page


def test_it_has_a_place_for_the_table() -> None:
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1


def test_every_fault_has_a_drill() -> None:
    assert {drill.order[0] for drill in every_drill()} == set(range(1, 21))
