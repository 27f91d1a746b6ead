"""The font of PDF files: DejaVu Sans, which has Latin, Greek, Cyrillic and more; and what it cannot show.

Signs that it lacks are replaced by one that says so; and so are scripts that run from right to left, which
this typesetter would turn round.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

PDF_FONT = "DejaVuSans"
NOT_SHOWN = "\N{REPLACEMENT CHARACTER}"

_FILE = Path("vendor", "dejavu", "DejaVuSans.ttf")
_TURNED_ROUND = {"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "PDF", "PDI", "FSI"}
_BLANKS = {"\t", "\n", "\r", "\N{NO-BREAK SPACE}"}


@cache
def registered(static: Path) -> frozenset[int]:
    """Makes the font known to the typesetter. The code points that it has."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    font = TTFont(PDF_FONT, str(static / _FILE))
    pdfmetrics.registerFont(font)
    return frozenset(font.face.charToGlyph)


def showable(text: str, known: frozenset[int]) -> str:
    """One line, in which NOT_SHOWN stands for what cannot be shown."""
    return "".join(_shown(letter, known) for letter in unicodedata.normalize("NFC", text))


def _shown(letter: str, known: frozenset[int]) -> str:
    if letter in _BLANKS:
        return " "
    can_be_read = ord(letter) in known and unicodedata.category(letter) not in ("Cc", "Cf", "Co")
    is_upright = unicodedata.bidirectional(letter) not in _TURNED_ROUND
    return letter if can_be_read and is_upright else NOT_SHOWN
