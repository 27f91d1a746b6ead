"""Body parsing: bodies and query strings as checked models, and mistakes in a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from flask import g, request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mailroom.content.text import json_text
from mailroom.content.text.spooled_texts import LONG_FROM, SpooledText, SpooledTexts
from mailroom.web.api.blueprint import blueprint
from mailroom.web.api.errors import ApiError, Unprocessable
from mailroom.web.api.wording import MISTAKE_SENTENCES, sentence

M = TypeVar("M", bound=BaseModel)

MISTAKES_NAMED = 3
"""Mistakes that one message names."""

MOST_MISTAKES = 1_000
"""Of one body: more are not told of one by one, for each takes a kilobyte."""


def read(model: type[M], most: int | None = None) -> M:
    """The request's JSON body, of `most` octets. Raises ApiError with what is wrong with it."""
    if most is not None:
        request.max_content_length = most
    return checked(model, value())


def read_query(model: type[M]) -> M:
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise Unprocessable(f"`{shown_name(twice[0])}`: This is given twice.")
    return checked(model, request.args.to_dict())


def checked(model: type[M], given: Any) -> M:
    """Raises ApiError with what is wrong with it."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _refusal(error) from None


def value() -> Any:
    """The body as JSON, which is read once. Raises ApiError."""
    if "json_body" not in g:
        try:
            room = g.get("json_room", json_text.ROOM_FOR_EMAILS)
            g.json_body = json_text.read(_octets(), room, spooled_texts())
        except json_text.NotJson as error:
            raise ApiError(400, "validation_error", str(error)) from None
    return g.json_body


def spooled_texts() -> SpooledTexts:
    """Those of this request, which has them until it ends."""
    if "spooled_texts" not in g:
        g.spooled_texts = SpooledTexts()
    found: SpooledTexts = g.spooled_texts
    return found


@blueprint.teardown_request
def _forget(_: BaseException | None) -> None:
    if "spooled_texts" in g:
        g.spooled_texts.close()


def written(value: Any) -> Iterator[bytes]:
    """As JSON, its names in order: the same for the same value, however it came."""
    texts: list[SpooledText] = []

    def token(text: SpooledText) -> str:
        texts.append(text)
        return text.token

    with suppress(RecursionError):  # what is nested so deep is refused anyway
        around = json.dumps(value, sort_keys=True, default=token)
        at = 0
        for text in texts:
            start = around.index(text.token, at)
            yield around[at:start].encode()
            for piece in text.pieces():
                yield json.dumps(piece.decode())[1:-1].encode()
            at = start + len(text.token)
        yield around[at:].encode()


def _octets() -> bytes | bytearray:
    """Not kept: a file makes them forty megabytes."""
    is_small = (request.content_length or 0) <= LONG_FROM
    data = request.get_data(cache=False) if is_small else spooled_texts().taken_from(request.stream)
    if not data or data.isspace():
        raise ApiError(400, "validation_error", "The body is empty: send a JSON object.")
    return data


def read_list(most: int) -> list[Any]:
    """A JSON array of up to `most` values, not checked any further."""
    values = value()
    if not isinstance(values, list):
        raise Unprocessable(MISTAKE_SENTENCES["list_type"])
    if not 1 <= len(values) <= most:
        raise Unprocessable(f"Send an array of 1 to {most} emails, not of {len(values)}.")
    return values


def _refusal(error: ValidationError) -> ApiError:
    """What a program is answered."""
    if error.error_count() > MOST_MISTAKES:
        return Unprocessable(f"There are {error.error_count():,} mistakes: is this the right body?")
    found = error.errors(include_url=False, include_input=False)
    first = found[0]["type"]
    name = "missing_required_field" if first == "missing" else "validation_error"
    return Unprocessable(together([_sentence(detail) for detail in found]), name)


def together(sentences: Sequence[str]) -> str:
    """As one message, which names the first few."""
    each = list(dict.fromkeys(sentences))
    more = len(each) - MISTAKES_NAMED
    return " ".join(each[:MISTAKES_NAMED]) + (f" And {more} more." if more > 0 else "")


def _sentence(detail: ErrorDetails) -> str:
    where = path_of(detail["loc"])
    if detail["type"] == "missing":
        return f"Missing `{where}` field."
    message = sentence(detail)
    return f"`{where}`: {message}" if where else message


def path_of(parts: Sequence[int | str]) -> str:
    """attachments[0].filename"""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in UNIONS:
            part = shown_name(part)
            path += f".{part}" if path else part
    return path


def shown_name(name: str) -> str:
    return name if len(name) <= LONGEST_FIELD_NAME else f"{name[:LONGEST_FIELD_NAME]}…"


LONGEST_FIELD_NAME = 100
"""Characters of a field's name that a message repeats."""

UNIONS = {"str", "int", "float", "bool"}
"""What pydantic adds to a path where a value may be of several kinds."""
