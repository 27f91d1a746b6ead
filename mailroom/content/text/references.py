"""Character references of HTML (`&amp;`, `&#38;`), read whatever their numbers are."""

from __future__ import annotations

import re
from html import unescape

_LEADING_ZEROS = re.compile(r"&#0++(?=[0-9])")
_NO_CHARACTER = re.compile(r"&#[0-9]{8,}+")


def unescaped(text: str) -> str:
    """As html.unescape, which fails on a number of more than 4,300 figures."""
    if "&#" in text:
        text = _NO_CHARACTER.sub("&#99999999", _LEADING_ZEROS.sub("&#", text))
    return unescape(text)
