"""CSV injection: cells that a spreadsheet would compute, made harmless on the way out, and read again.

A spreadsheet splits a file at the separator of its country, whatever ours is, and at line ends
when it takes no notice of quotes. So a formula may begin wherever one of them ends: there an
apostrophe is put before its first character, after which everything is text.
"""

from __future__ import annotations

import re

_PLACE = r"(?:\A|[,;|\t\r\n])"
_PASSED_OVER = (
    r"[,;|\s\"'`\u00b4\u2018\u2019\u201c\u201d\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
"""Separators, quotes, blanks and what nobody sees: a spreadsheet may drop them, and find the formula."""

_BEGINS = r"[=+@\-\u2212\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b]"
"""Full-width and small characters too: some read them as their plain kin."""

# Matches whether a formula follows or not: so a run of separators is looked at once.
_BEGINNING = re.compile(f"({_PLACE}{_PASSED_OVER}*+)({_BEGINS}?)")
_INDENTED = re.compile(r"'*+[\t\r\n]").match


def harmless(cell: str) -> str:
    """The cell with no formula in it, wherever it is split."""
    cell = f"'{cell}" if _INDENTED(cell) else cell
    return _BEGINNING.sub(lambda found: f"{found[1]}'{found[2]}" if found[2] else found[1], cell)


def restored(cells: list[str]) -> list[str]:
    """The cells as they were before `harmless`."""
    if "'" not in "".join(cells):  # of a hundred thousand rows, most have none
        return cells
    return [_restored(cell) for cell in cells]


def _restored(cell: str) -> str:
    cell = _BEGINNING.sub(_without_apostrophe, cell)
    return cell[1:] if cell.startswith("'") and _INDENTED(cell) else cell


def _without_apostrophe(found: re.Match[str]) -> str:
    return found[1].removesuffix("'") + found[2] if found[2] else found[1]
