"""What schemathesis cannot know: what MJML is, and what a list of recipients is."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies as st
from markupsafe import escape

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="{}"), max_size=20)


def letter(words: str) -> str:
    column = f"<mj-column><mj-text>{escape(words)}</mj-text></mj-column>"
    return f"<mjml><mj-body><mj-section>{column}</mj-section></mj-body></mjml>"


schemathesis.openapi.format("mjml", WORDS.map(letter))


@schemathesis.hook
def before_load_schema(context: object, raw_schema: dict[str, Any]) -> None:
    """Leaves lists out that come as files: tests/attacks/test_lists_by_the_api.py tries what is none."""
    for methods in raw_schema["paths"].values():
        for described in methods.values():
            described.get("requestBody", {}).get("content", {}).pop("multipart/form-data", None)
