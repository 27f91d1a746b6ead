from __future__ import annotations

from tests.drills.all import every_drill
from tests.drills.table import BEGIN, END, PAGE, Row, Table, markdown


def test_it_says_for_every_drill_what_turns_it_red() -> None:
    page = PAGE.read_text()
    for drill in every_drill():
        assert f"| {drill.name} | {drill.without} |" in page


def test_it_has_a_place_for_the_table() -> None:
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1


def test_every_fault_has_a_drill() -> None:
    assert {drill.order[0] for drill in every_drill()} == {*range(1, 24), 26, 27, 28, 29}


def test_it_shows_the_last_run_and_tells_of_those_before_it() -> None:
    first = Table([Row("6", "a fault", "sqlite", mails=1_000, kills=2)], 60)
    last = Table([Row("6", "a fault", "sqlite", mails=1_000, kills=3)], 90)
    text = markdown([first, last])
    assert "1.5 minutes, 1,000 mails, 3 kills, **0 lost**" in text
    assert "the last of 2 in a row: 2,000 mails, 5 kills, **0 lost**" in text
    assert text.count("a fault") == 1
    assert "in a row" not in markdown([last])
