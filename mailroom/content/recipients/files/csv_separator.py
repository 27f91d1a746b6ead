"""CSV sniffing: what stands between the cells of a file, found by looking at its first lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

LINES_LOOKED_AT = 20

SEPARATORS = ",;\t|"
RARE_SEPARATORS = "^~:\x1f"
"""Stand in many a value: believed only where every line has as many, and of no other separator."""


def separator_of(lines: Sequence[str]) -> str:
    """The separator that most of these lines hold equally often outside quotes.

    Of two, the one that the first line has more of: there the headings stand, and seldom words.
    """
    outside = ["".join(line.split('"')[::2]) for line in lines] or [""]
    common = max(SEPARATORS, key=lambda one: (_agreeing(outside, one), outside[0].count(one)))
    rare = max(RARE_SEPARATORS, key=lambda one: _agreeing(outside, one))
    is_rare = _agreeing(outside, common) < _agreeing(outside, rare) == len(outside) > 1
    return rare if is_rare else common


def _agreeing(lines: Sequence[str], separator: str) -> int:
    counted = Counter(number for line in lines if (number := line.count(separator)))
    return max(counted.values(), default=0)
