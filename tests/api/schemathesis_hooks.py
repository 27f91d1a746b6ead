"""What schemathesis cannot know: what MJML is, and what a list of recipients is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import schemathesis
from hypothesis import strategies as st
from markupsafe import escape

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="{}"), max_size=20)


def letter(words: str) -> str:
    column = f"<mj-column><mj-text>{escape(words)}</mj-text></mj-column>"
    return f"<mjml><mj-body><mj-section>{column}</mj-section></mj-body></mjml>"


schemathesis.openapi.format("mjml", WORDS.map(letter))


ZONES_TRIED = 5


def named(schema: Any, name: str) -> Iterator[dict[str, Any]]:
    """Each description of a property of this name."""
    for key, value in schema.items() if isinstance(schema, dict) else ():
        if key == "properties" and name in value:
            yield value[name]
        yield from named(value, name)


def few_zones(schema: dict[str, Any]) -> None:
    """Not each of 600 in every place, which was two of three requests: test_sending_hours.py tries them."""
    for one in schema.get("anyOf", [schema]):
        if "enum" in one:
            one["enum"] = one["enum"][:: len(one["enum"]) // ZONES_TRIED]


@schemathesis.hook
def before_load_schema(context: object, raw_schema: dict[str, Any]) -> None:
    """Leaves lists out that come as files: tests/attacks/test_lists_by_the_api.py tries what is none."""
    for schema in named(raw_schema, "zone"):
        few_zones(schema)
    for methods in raw_schema["paths"].values():
        for described in methods.values():
            described.get("requestBody", {}).get("content", {}).pop("multipart/form-data", None)
