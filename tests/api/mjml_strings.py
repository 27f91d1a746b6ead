"""What schemathesis makes of `"format": "mjml"`: letters that are MJML."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st
from markupsafe import escape

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="{}"), max_size=20)


def letter(words: str) -> str:
    column = f"<mj-column><mj-text>{escape(words)}</mj-text></mj-column>"
    return f"<mjml><mj-body><mj-section>{column}</mj-section></mj-body></mjml>"


schemathesis.openapi.format("mjml", WORDS.map(letter))
