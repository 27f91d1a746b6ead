"""Names of merge tags: what a heading's tag is called, and which value a tag means."""

from __future__ import annotations

import re
import unicodedata

LIQUID_WORDS = {"true", "false", "nil", "null", "empty", "blank", "and", "or", "not", "contains", "in"}


def identifier(heading: str) -> str:
    """`First Name` as `first_name`: what a merge tag may be called. Empty when nothing is left."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", unicodedata.normalize("NFC", heading))
    tag = re.sub(r"[^\w\u0080-\uffff]+|_+", "_", words.lower()).strip("_")
    tag = "".join(c if c == "_" or c.isalnum() else "_" for c in tag if ord(c) <= 0xFFFF).strip("_")
    if tag[:1].isdigit() or tag in LIQUID_WORDS:
        return f"column_{tag}"
    return tag
