"""Budget of one render: Liquid's work counted in steps, the same on every machine.

Python cannot break off a call that is under way, so three rules go together: no single
operation is given more than so much (`size_of`), every operation is paid for before it
is made (`Budget.spend`), and the clock is looked at between them.
"""

from __future__ import annotations

import time

from mailroom.content.merge.plain import MergeError

WORK = 1_000_000
"""Steps that one text may take to render: some 50 ms. A usual one takes a few hundred."""

SECONDS = 0.5
"""Of this thread's own time, should a step be dearer than we think. Where work is counted right, the
same letter ends the same way on a fast machine and on a slow one; so this comes second."""

LOOK_EVERY = WORK // 20

ITEMS = 10_000
MOST_OPERATION_TEXT = 256 << 10
"""What one operation may be given: items of a list, characters in all."""

BITS = 1_024
"""Of a whole number: as large as a floating point number can be."""

ITEM = 16
"""Steps for an item of a list, beside its characters."""

SHORTEN_ADVICE = "Shorten its loops, or work the value out beforehand and give it in a column"


class Budget:
    """What is left of one render's work."""

    __slots__ = ("_began", "_look_at", "left")

    def __init__(self) -> None:
        self.left = WORK
        self._look_at = WORK - LOOK_EVERY  # who needs less never asks for the time
        self._began: float | None = None

    def spend(self, steps: int) -> None:
        """Pays for what comes next. Raises MergeError when that is more than is left."""
        self.left -= steps
        if self.left < self._look_at:
            self._look()

    def _look(self) -> None:
        now = time.thread_time()
        if self._began is None:
            self._began = now
        if self.left < 0 or now - self._began > SECONDS:
            raise MergeError(f"the text takes more work than one mail may. {SHORTEN_ADVICE}")
        self._look_at = self.left - LOOK_EVERY


def size_of(value: object) -> int:
    """How much there is to be done with a value, in steps. Raises MergeError for what is too large."""
    if isinstance(value, str):
        size = len(value)
    elif isinstance(value, list | tuple):
        if len(value) > ITEMS:
            raise MergeError(f"a list has more than {ITEMS:,} items. {SHORTEN_ADVICE}")
        size = sum(ITEM + (len(item) if isinstance(item, str) else size_of(item)) for item in value)
        if size > MOST_OPERATION_TEXT + ITEM * ITEMS:
            raise MergeError(
                f"a list holds more than {MOST_OPERATION_TEXT >> 10} kB of text. {SHORTEN_ADVICE}"
            )
        return size
    elif isinstance(value, int) and value.bit_length() > BITS:
        raise MergeError(f"a number has more than {BITS * 3 // 10} digits. {SHORTEN_ADVICE}")
    else:
        return 1
    if size > MOST_OPERATION_TEXT:
        raise MergeError(f"a value is longer than {MOST_OPERATION_TEXT >> 10} kB. {SHORTEN_ADVICE}")
    return size
