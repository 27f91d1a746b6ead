"""Waits: for what mail of a mailing waits before it may go, beside its turn: Undo, and a canary."""

from __future__ import annotations

from typing import NamedTuple


class Waits(NamedTuple):
    """`undo`: seconds. The first `canary` go before the others, which follow `canary_wait` seconds after
    these began; None: when somebody lets them.
    """

    undo: int = 0
    canary: int = 0
    canary_wait: int | None = None

    def lasts(self, number: int, per_second: float) -> float:
        """Seconds until `number` mails are handed over at this rate; no click is waited for."""
        first = self.canary if 0 < self.canary < number else 0
        wait = (self.canary_wait or 0) if first else 0
        return self.undo + max(first / per_second, wait) + (number - first) / per_second

    def is_for_a_click(self, number: int) -> bool:
        return 0 < self.canary < number and self.canary_wait is None
