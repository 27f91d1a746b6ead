"""When a mailing would be done counts the wait for Undo and that of a canary."""

from __future__ import annotations

import pytest

from mailroom.engine.accept.waits import Waits


@pytest.mark.parametrize(
    ("waits", "seconds"),
    [
        (Waits(), 100),
        (Waits(undo=10), 110),
        (Waits(canary=100, canary_wait=900), 900 + 90),
        (Waits(undo=10, canary=500, canary_wait=20), 10 + 50 + 50),  # the first are not done after their wait
        (Waits(canary=100), 100),  # how long somebody waits nobody knows
        (Waits(canary=1_000, canary_wait=900), 100),  # all of them are the first
    ],
)
def test_by_what_a_thousand_wait_for_at_ten_a_second(waits: Waits, seconds: float) -> None:
    assert waits.lasts(1_000, 10) == pytest.approx(seconds)
    assert waits.is_for_a_click(1_000) is (waits == Waits(canary=100))
