"""Whole numbers as people type them, or programs send them, in a text."""

from __future__ import annotations


def typed_number(text: str, most: int) -> int | None:
    """From 1 to `most`, in decimal digits; None: it is none. However many zeros stand before it."""
    digits = text.lstrip("0")
    if not digits.isdecimal() or len(digits) > len(str(most)):  # int() refuses thousands of digits
        return None
    number = int(digits)
    return number if 1 <= number <= most else None
