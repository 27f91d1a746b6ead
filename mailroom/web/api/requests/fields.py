"""The kinds of values that requests are made of: how each is checked, and how the document shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from mailroom.content.addresses import Address, parse_address
from mailroom.content.recipients.parsed import Problem
from mailroom.content.recipients.pasted import BAD_ENTRY_SHOWN
from mailroom.content.schedule.repeat_rules import repeat_rule
from mailroom.content.schedule.zones import zone_named, zone_names
from mailroom.content.text.characters import misplaced, misplaced_in_lines
from mailroom.engine.accept.canary_size import CANARY, canary_size
from mailroom.web.api.requests.long_lists import at_most
from mailroom.web.api.requests.patterns import NAMED, TAG_NAME
from mailroom.web.api.submitted.times import WORDED_TIME_UNITS, moment

Schema = dict[str, Any]

MOST_ADDRESSES_IN_FIELD = 50
"""In each of To, Cc and Bcc. More people are a mailing, where each sees only themself."""

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
        wish = value if isinstance(value, str) else str(whole_number(value))
    except TypeError:
        wish = ""
    canary_size(wish, 1)
    return wish


def _listed(value: object) -> object:
    """One address is a list of one; none is an empty list."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def whole_number(number: object) -> int:
    """A whole number, 7.0 included: JSON knows no difference."""
    if isinstance(number, float) and number.is_integer():
        return int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError("not a whole number")
    return number


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
