"""Wording of mistakes: what pydantic found, in sentences for who wrote the program."""

from __future__ import annotations

from typing import Any

from pydantic_core import ErrorDetails

MISTAKE_SENTENCES = {
    "extra_forbidden": "There is no such field; look for a misspelling.",
    "string_type": "This must be a string.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "string_unicode": "This holds half of a character (a lone surrogate).",
    "string_too_long": "This is too long: {max_length:,} characters are the most.",
    "string_too_short": "This is too short: it must have at least {min_length} characters.",
    "string_pattern_mismatch": "This has characters that are not allowed here: it must match {pattern}.",
    "list_type": "This must be a list.",
    "tuple_type": "This must be a list.",
    "too_long": "This has {actual_length:,} items, and {max_length:,} is the most.",
    "too_short": "This needs at least {min_length} of them.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_parsing_size": "This number is too large.",
    "int_from_float": "This must be a whole number.",
    "float_type": "This must be a number.",
    "float_parsing": "This must be a number.",
    "finite_number": "This must be a finite number.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "greater_than_equal": "This must be {ge} or more.",
    "less_than_equal": "This must be {le} or less.",
    "literal_error": "This must be {expected}.",
    "enum": "This must be {expected}.",
    "none_required": "This must be null.",
    "uuid_type": "This must be an id, like 4ef9a417-02e9-4d39-ad75-9611e0fcc33c.",
    "uuid_parsing": "This must be an id, like 4ef9a417-02e9-4d39-ad75-9611e0fcc33c.",
}
"""By pydantic's type of error; with its context. Only what is ours goes by its own message."""

OUR_OWN = {"value_error", "ours"}


def sentence(detail: ErrorDetails) -> str:
    """What is wrong and what to do, without the field's name."""
    kind, context = detail["type"], dict[str, Any](detail.get("ctx") or {})
    if kind in OUR_OWN:
        said = detail["msg"].removeprefix("Value error, ")
    else:
        said = MISTAKE_SENTENCES.get(kind, "This cannot be used here.").format_map(context)
    return said if said.endswith((".", "!")) else f"{said}."
