"""The kinds of values that requests are made of: how each is checked, and how the document shows it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from io import BytesIO
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from mailroom.content.addresses import Address, parse_address
from mailroom.content.characters import misplaced, misplaced_in_lines
from mailroom.content.recipients.parsed import Problem
from mailroom.content.recipients.pasted import BAD_ENTRY_SHOWN
from mailroom.content.schedule.repeat_rules import repeat_rule
from mailroom.content.schedule.zones import zone_named, zone_names
from mailroom.content.spooled_texts import SpooledText
from mailroom.engine.accept.canary_size import CANARY, canary_size
from mailroom.web.api.submitted.times import WORDED_TIME_UNITS, moment
from mailroom.web.api.wording import sentence

Schema = dict[str, Any]

MOST_ADDRESSES_IN_FIELD = 50
"""In each of To, Cc and Bcc. More people are a mailing, where each sees only themself."""

BASE64_AT_ONCE = 1 << 20
"""Characters, a multiple of four."""

BASE64_TAIL = 8
"""Characters at the end of a long text that are judged together: only there may it be padded."""

ITEMS_NAMED = 3
"""Of a long list: so many bad items are told of."""

NO_NUL = r"^[^\u0000]*$"
SOME_WORD = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
_UNSEEN = (
    r"\u007f-\u009f\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028-\u202e\u2060-\u206f\u3164"
    r"\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
"""Some of it is taken where it is honest: see content/characters.py."""
_NOT_IN_A_LINE = rf"\u0000-\u001f{_UNSEEN}"
LINES = rf"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f{_UNSEEN}]*$"
ONE_LINE = rf"^[^{_NOT_IN_A_LINE}]*$"
SOME_LINE = rf"^[^{_NOT_IN_A_LINE}]*[^\s{_NOT_IN_A_LINE}][^{_NOT_IN_A_LINE}]*$"
LOCAL = r"[A-Za-z0-9_+'-]{1,30}(\.[A-Za-z0-9_+'-]{1,30})?"
DOMAIN = r"([A-Za-z0-9]{1,20}(-[A-Za-z0-9]{1,20}){0,2}\.)+[A-Za-z]{2,24}"
NAMED = (
    rf'^("[^"\\{_NOT_IN_A_LINE}]*"|[^"<>@,;{_NOT_IN_A_LINE}]+)'
    rf" <{LOCAL}@{DOMAIN}>$"
)
_LETTERS = (
    "\u00a0-\u115e\u1161-\u180d\u180f-\u1fff\u2070-\u3163\u3165-\ud7ff"
    "\uf900-\ufdcf\ufdf0-\ufefe\uff00-\uff9f\uffa1-\uffef"
)
TAG_NAMES = f"^[A-Za-z_{_LETTERS}][A-Za-z0-9_{_LETTERS}]{{0,60}}$"
TAG_NAME = re.compile(TAG_NAMES).fullmatch
MEDIA_TYPE = r"^[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,60}(; ?[a-z]{1,20}=[A-Za-z0-9._-]{1,40})?$"
CONTENT_ID = "^[!-;=?-~]{1,200}$"
BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

MAILBOX: Schema = {
    "type": "string",
    "description": "`ann@example.org` or `Ann Lee <ann@example.org>`. Domains of other scripts are fine.",
    "anyOf": [{"format": "email", "maxLength": 254}, {"pattern": NAMED, "maxLength": 254}],
    "examples": ["Ann Lee <ann@example.org>"],
}

TIME: Schema = {
    "type": "string",
    "description": "ISO 8601 (UTC unless it says otherwise), or words like `in 10 minutes`. "
    "A time that is over means now.",
    "anyOf": [
        {"format": "date-time", "pattern": "^(1|2)"},
        {"pattern": f"^in (an?|[0-9]{{1,5}}) ({'|'.join(WORDED_TIME_UNITS)})s?$"},
    ],
    "examples": ["2030-01-31T09:30:00Z", "in 10 minutes"],
}

BYTES_SCHEMA: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}

FILE_SCHEMA: Schema = {
    "description": "The file in Base64, or as a list of its bytes.",
    "anyOf": [
        {"type": "string", "contentEncoding": "base64", "pattern": BASE64},
        BYTES_SCHEMA,
        {
            "type": "object",
            "description": "A Buffer of Node, as JSON.stringify writes it.",
            "properties": {"type": {"const": "Buffer"}, "data": BYTES_SCHEMA},
            "required": ["type", "data"],
            "additionalProperties": False,
        },
    ],
    "examples": ["SGVsbG8h"],
}


def one_of(words: Iterable[StrEnum]) -> WithJsonSchema:
    """With a string: it is one of these. Written where it is used, as OpenAPI's `enum`."""
    return WithJsonSchema({"type": "string", "enum": [word.value for word in words]})


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("This holds a NUL character, which no mail can carry.")
    return text


def _mailbox(value: object) -> Address:
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise ValueError("This must be a string like Ann Lee <ann@example.org>.")
    return parse_address(value)


def _perhaps_mailbox(value: object) -> Address | Problem:
    """One that is none stands there with its reason."""
    try:
        return _mailbox(value)
    except ValueError as error:
        if not isinstance(value, str):
            raise
        return Problem(0, value[:BAD_ENTRY_SHOWN], str(error))


def _canary(value: object) -> str:
    """A number or a share, as canary_size takes it."""
    try:
        wish = value if isinstance(value, str) else str(_whole(value))
    except TypeError:
        wish = ""
    canary_size(wish, 1)
    return wish


def at_most(number: int) -> BeforeValidator:
    """Counts before it is looked into: pydantic counts what it found good, and keeps every mistake."""

    def count(value: object) -> object:
        if isinstance(value, list | tuple) and len(value) > number:
            raise ValueError(f"This has {len(value):,} items, and {number:,} is the most.")
        return value

    return BeforeValidator(count)


def first_mistakes(values: Any, validated: Callable[[Any], Any]) -> Any:
    """The validated list, or the mistakes of its first few bad items. For one that fails fast."""
    mistakes: list[InitErrorDetails] = []
    start = 0
    for _ in range(ITEMS_NAMED):
        try:
            found = validated(values[start:] if start else values)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            if not details[0]["loc"]:
                raise  # it is no list, or one of another length
            mistakes += [_moved(detail, start) for detail in details]
            start = int(mistakes[-1]["loc"][0]) + 1
            if start == len(values):
                break
        else:
            if not mistakes:
                return found
            break
    raise ValidationError.from_exception_data("list", mistakes)


def _moved(detail: ErrorDetails, by: int) -> InitErrorDetails:
    at, *path = detail["loc"]
    known = "missing" if detail["type"] == "missing" else "ours"
    kind = PydanticCustomError(known, "{words}", {"words": sentence(detail)})
    return InitErrorDetails(type=kind, loc=(int(at) + by, *path), input=None)


def _listed(value: object) -> object:
    """One address is a list of one; none is an empty list."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def _whole(number: object) -> int:
    """A whole number, 7.0 included: JSON knows no difference."""
    if isinstance(number, float) and number.is_integer():
        return int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError("not a whole number")
    return number


@dataclass(frozen=True, slots=True)
class Base64File:
    """A file that stays in its long text: it is decoded as it is read."""

    text: SpooledText
    size: int
    """Octets, decoded."""

    def slices(self, size: int) -> Iterator[bytes]:
        """What is in it, `size` octets at a time."""
        kept = bytearray()
        for octets in _decoded(self.text.pieces()):
            kept += octets
            while len(kept) >= size:
                with memoryview(kept) as view:
                    piece = bytes(view[:size])
                del kept[:size]
                yield piece
        if kept:
            yield bytes(kept)


GivenFile = bytes | Base64File


def _file(value: object) -> GivenFile:
    if isinstance(value, dict) and value.keys() == {"type", "data"} and value["type"] == "Buffer":
        value = value["data"]  # Node's Buffer, as JSON.stringify writes it
    if isinstance(value, list):
        try:
            return bytes(map(_whole, value))
        except (TypeError, ValueError):
            raise ValueError("A list must hold the file's bytes: numbers from 0 to 255.") from None
    if not isinstance(value, str | SpooledText):
        raise ValueError("This must be the file in Base64.")
    try:
        if isinstance(value, SpooledText):
            return Base64File(value, sum(map(len, _decoded(value.pieces()))))
        return _from_base64(re.sub(r"[ \t\r\n]", "", value))
    except (binascii.Error, ValueError):
        raise ValueError("This is not Base64.") from None


def _from_base64(text: str) -> bytes:
    """Slice by slice: the library would make octets of all of it first. Raises ValueError."""
    if "=" in text[:-2]:
        raise ValueError("it ends before its end")
    decoded = BytesIO()
    for start in range(0, len(text), BASE64_AT_ONCE):
        decoded.write(base64.b64decode(text[start : start + BASE64_AT_ONCE], validate=True))
    return decoded.getvalue()


def _decoded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same of octets that come one after the other. Raises ValueError."""
    rest = b""
    for piece in pieces:
        rest += piece.translate(None, b" \t\r\n")
        whole = max(0, len(rest) - BASE64_TAIL) // 4 * 4
        if b"=" in rest[:whole]:
            raise ValueError("it ends before its end")
        yield base64.b64decode(rest[:whole], validate=True)
        rest = rest[whole:]
    yield _from_base64(rest.decode())


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("This must be a string like 2030-01-31T09:30:00Z.")
    return moment(value)


def _mailboxes(at_least: int, description: str) -> Schema:
    several = {"type": "array", "items": MAILBOX, "minItems": at_least, "maxItems": MOST_ADDRESSES_IN_FIELD}
    kinds: list[Schema] = [MAILBOX, several]
    return {
        "description": description,
        "anyOf": kinds if at_least else [*kinds, {"type": "null"}],
        "examples": [["Ann Lee <ann@example.org>"]],
    }


@lru_cache(maxsize=1_000)  # each recipient has the same ones; those that are wrong are not remembered
def _tag_name(text: str) -> str:
    if TAG_NAME(text) is None:
        raise ValueError("The name of a variable has letters, digits and _ only, and no digit first.")
    return text


def _without(misplaced_in: Callable[[str], str]) -> AfterValidator:
    def check(text: str) -> str:
        if reason := misplaced_in(text):
            raise ValueError(f"This {reason}.")
        return text

    return AfterValidator(check)


Text = Annotated[str, AfterValidator(_no_nul)]

Line = Annotated[Text, _without(misplaced)]
"""Words that stand in a line beside others."""

Lines = Annotated[Text, _without(misplaced_in_lines)]

TagName = Annotated[str, AfterValidator(_tag_name)]

Mailbox = Annotated[Address, PlainValidator(_mailbox), WithJsonSchema(MAILBOX)]

PerhapsMailbox = Annotated[
    Address | Problem,
    PlainValidator(_perhaps_mailbox),
    WithJsonSchema({"type": "string", "examples": ["ann@example.org"]}),
]

Mailboxes = Annotated[
    tuple[Mailbox, ...],
    at_most(MOST_ADDRESSES_IN_FIELD),
    BeforeValidator(_listed),
    Field(max_length=MOST_ADDRESSES_IN_FIELD),
    WithJsonSchema(_mailboxes(0, f"One address, or up to {MOST_ADDRESSES_IN_FIELD}.")),
]

SomeMailboxes = Annotated[
    tuple[Mailbox, ...],
    at_most(MOST_ADDRESSES_IN_FIELD),
    BeforeValidator(_listed),
    Field(min_length=1, max_length=MOST_ADDRESSES_IN_FIELD),
    WithJsonSchema(_mailboxes(1, f"One address, or up to {MOST_ADDRESSES_IN_FIELD}; everybody sees them.")),
]


def _number(value: object) -> object:
    """Itself, unless pydantic would make a number of what is none: of a truth, of a string."""
    if isinstance(value, bool | str):
        raise PydanticCustomError("ours", "This must be a whole number.")
    return value


NUMBERS_ONLY = BeforeValidator(_number)
"""For a whole number, behind its bounds: they stay in the schema then."""

CanaryWish = Annotated[
    str,
    PlainValidator(_canary),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 9_999_999},
                {"type": "string", "pattern": CANARY},
            ]
        }
    ),
]

ZoneName = Annotated[
    str,
    AfterValidator(lambda name: zone_named(name).key),
    WithJsonSchema({"type": "string", "enum": list(zone_names())}),
]

_DAYS = "(mon|tue|wed|thu|fri|sat|sun)"
_AT = "([01][0-9]|2[0-3]):[0-5][0-9]"

RuleOfRepeat = Annotated[
    str,
    AfterValidator(lambda written: str(repeat_rule(written))),
    WithJsonSchema(
        {
            "type": "string",
            "description": "`weekly`, `daily` or `monthly` (31 or `last`: the last day of each month) with "
            "a time on the clocks of `zone`; or `cron` with its five fields, of which some are shown.",
            "pattern": f"^(weekly {_DAYS}(,{_DAYS}){{0,6}} {_AT}|daily {_AT}"
            f"|monthly (last|[1-9]|[12][0-9]|3[01]) {_AT}"
            "|cron [0-5]?[0-9] ([0-9]|1[0-9]|2[0-3]) [*] [*] [*0-6])$",
        }
    ),
]

Moment = Annotated[datetime, PlainValidator(_moment), WithJsonSchema(TIME)]

FileContent = Annotated[GivenFile, PlainValidator(_file), WithJsonSchema(FILE_SCHEMA)]
