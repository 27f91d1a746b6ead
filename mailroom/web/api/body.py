"""What was sent, checked: bodies and query strings as models, and mistakes in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from mailroom.web.api.errors import ApiError, Unprocessable

M = TypeVar("M", bound=BaseModel)

MOST_NAMED = 3
"""Mistakes that one message names."""

PLAIN = {
    "extra_forbidden": "There is no such field; look for a misspelling.",
    "string_type": "This must be a string.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "list_type": "This must be a list.",
    "tuple_type": "This must be a list.",
    "uuid_parsing": "This must be an id, like 4ef9a417-02e9-4d39-ad75-9611e0fcc33c.",
}


def read(model: type[M]) -> M:
    """The request's JSON body. Raises ApiError with what is wrong with it."""
    try:
        return model.model_validate_json(raw())
    except ValidationError as error:
        raise refusal(error) from None


def raw() -> bytes:
    data = request.get_data(cache=True)
    if not data.strip():
        raise ApiError(400, "validation_error", "The body is empty: send a JSON object.")
    return data


def read_list(most: int) -> list[Any]:
    """A JSON array of up to `most` values, not checked any further."""
    try:
        values = TypeAdapter(list[Any]).validate_json(raw())
    except ValidationError as error:
        raise refusal(error) from None
    if not 1 <= len(values) <= most:
        raise Unprocessable(f"Send an array of 1 to {most} emails, not of {len(values)}.")
    return values


def read_query(model: type[M]) -> M:
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise refusal(error) from None


def refusal(error: ValidationError, within: str = "") -> ApiError:
    """What a program is answered; `within` names what the fields are fields of."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    first = found[0]["type"]
    if first == "json_invalid":
        reason = found[0]["msg"].removeprefix("Invalid JSON: ")
        return ApiError(400, "validation_error", f"The body is not JSON: {reason}.")
    name = "missing_required_field" if first == "missing" else "validation_error"
    sentences = list(dict.fromkeys(_sentence(detail, within) for detail in found))
    more = len(sentences) - MOST_NAMED
    return Unprocessable(" ".join(sentences[:MOST_NAMED]) + (f" And {more} more." if more > 0 else ""), name)


def _sentence(detail: ErrorDetails, within: str) -> str:
    where = path_of(detail["loc"], within)
    if detail["type"] == "missing":
        return f"Missing `{where}` field."
    message = PLAIN.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    if not message.endswith((".", "!")):
        message += "."
    return f"`{where}`: {message}" if where else message


def path_of(parts: Sequence[int | str], within: str = "") -> str:
    """attachments[0].filename"""
    path = within
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in UNIONS:
            path += f".{part}" if path else part
    return path


UNIONS = {"str", "int", "float", "bool"}
"""What pydantic adds to a path where a value may be of several kinds."""
