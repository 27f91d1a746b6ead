"""Size of a canary, as it is asked for: a number of recipients, or a share of them."""

from __future__ import annotations

import re
from decimal import Decimal
from math import ceil

CANARY = r"^([0-9]{1,7}|[0-9]{1,2}([.][0-9]{1,3})?%)$"
CANARY_WORDS = "a number of recipients like 100, or a share of them like 1%"

_wish = re.compile(CANARY, re.ASCII).fullmatch


def canary_size(wish: str, recipients: int) -> int:
    """Of so many recipients. Raises ValueError for people."""
    if not _wish(wish):
        raise ValueError(f"Write {CANARY_WORDS}.")
    return ceil(Decimal(wish[:-1]) * recipients / 100) if wish.endswith("%") else int(wish)
