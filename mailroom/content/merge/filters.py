"""Liquid's filters, each with its price: none is handed more than it can deal with at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from mailroom.content.merge.budget import ITEM, MOST_OPERATION_TEXT, SHORTEN_ADVICE, Budget, size_of
from mailroom.content.merge.plain import MergeError

Apply = Callable[..., Any]

MADE = 1 << 20
"""Characters that one filter may make of its input."""

CALL = 30
"""Steps for a call, whatever it is given."""

TAGS_IN_TEXT = 32 << 10
"""Characters that `strip_html` takes: the parser under it reads some texts again for each of their tags."""

DATE = 200
"""Characters of a date, and of its format: a directive may ask for padding, up to 256 times their number."""

READ_DATE = 1_000
"""Steps for finding out what a date is."""

WRITE_LOCALLY = 1_000
"""Steps for writing a number or a date as a language does."""

PRICES = {
    **dict.fromkeys(("abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo"), 1),
    **dict.fromkeys(("plus", "round", "times", "default", "size", "first", "last", "safe"), 1),
    **dict.fromkeys(("append", "prepend", "capitalize", "downcase", "upcase", "slice", "truncate"), 1),
    **dict.fromkeys(
        ("strip", "lstrip", "rstrip", "truncatewords", "concat", "compact", "join", "reverse"), 1
    ),
    **dict.fromkeys(
        ("base64_encode", "base64_decode", "base64_url_safe_encode", "base64_url_safe_decode"), 1
    ),
    **dict.fromkeys(("remove", "remove_first", "remove_last", "split"), 4),
    **dict.fromkeys(("replace", "replace_first", "replace_last"), 4),
    **dict.fromkeys(("find", "find_index", "has", "map", "reject", "where", "uniq", "sum"), 4),
    **dict.fromkeys(("sort", "sort_natural", "date", "strip_html"), 4),
    **dict.fromkeys(("escape", "escape_once", "escapejs", "newline_to_br", "strip_newlines", "squish"), 16),
    **dict.fromkeys(("url_encode", "url_decode"), 16),
    **dict.fromkeys(("number", "money", "percent", "local_date", "local_time"), 4),
}
"""Steps for four characters of the input. A filter that is not here was not judged, and is not offered."""

Judge = Callable[..., int]


class MeteredRender(Protocol):
    """The render that a filter is called in, as far as filters know it."""

    budget: Budget
    env: Any


def metered(name: str, apply: Apply) -> Apply:
    """`apply` with its price paid first, its input bounded, and its result."""
    price, judge = PRICES[name], FILTER_JUDGES.get(name)
    wants_environment = getattr(apply, "with_environment", False)

    @wraps(apply)
    def paid(context: MeteredRender, /, value: Any, *arguments: Any, **options: Any) -> Any:
        given = (value, *arguments, *options.values())
        size = 0
        for one in given:
            if isinstance(one, range):
                raise MergeError(f"{name} is given a range, which can only be looped over")
            size += len(one) if type(one) is str and len(one) <= MOST_OPERATION_TEXT else size_of(one)
        steps = CALL + price * size // 4
        if judge is not None:
            steps += judge(*given)
        context.budget.spend(steps)
        if wants_environment:
            options["environment"] = context.env
        result = apply(value, *arguments, **options)
        if isinstance(result, str):
            if len(result) > MADE:
                raise too_long(name)
            context.budget.spend(len(result) >> 2)
        else:
            context.budget.spend(size_of(result))
        return result

    return paid


def too_long(name: str) -> MergeError:
    return MergeError(f"{name} makes too long a text. {SHORTEN_ADVICE}")


def _replace(value: object, *arguments: object) -> int:
    """Replacing "" by a long text multiplies: refused before it fills memory."""
    return _product("replace", len(str(value)), arguments)


def _join(value: object, *arguments: object) -> int:
    """And so does joining by one."""
    return _product("join", len(value) if isinstance(value, list | tuple) else 1, arguments)


def _product(name: str, places: int, arguments: tuple[object, ...]) -> int:
    if (places + 1) * max((len(str(one)) for one in arguments), default=1) > MADE:
        raise too_long(name)
    return 0


def _refuse_long(name: str, most: int, *given: object) -> None:
    if any(isinstance(one, str) and len(one) > most for one in given):
        raise MergeError(f"{name} is given more than {most:,} characters. {SHORTEN_ADVICE}")


def _date(*given: object) -> int:
    _refuse_long("date", DATE, *given)
    return READ_DATE


def _local(*given: object) -> int:
    _refuse_long("a filter for numbers and dates", DATE, *given)
    return WRITE_LOCALLY


def _strip_html(value: object, *arguments: object) -> int:
    text = value if isinstance(value, str) else ""
    _refuse_long("strip_html", TAGS_IN_TEXT, text)
    return (text.count("<") + text.count("&")) * len(text) // 16


def _uniq(value: object, *arguments: object) -> int:
    """Each item is compared with those before it."""
    return len(value) * size_of(value) // (5 * ITEM) if isinstance(value, list | tuple) else 0


def _looks_up(value: object, *arguments: object) -> int:
    """A list where a name belongs is written out for each item that is looked into."""
    items = len(value) if isinstance(value, list | tuple) else 1
    return items * sum(size_of(one) for one in arguments if isinstance(one, list | tuple)) // ITEM


LOOK_UP = ("find", "find_index", "has", "map", "reject", "sort", "sort_natural", "sum", "where")

FILTER_JUDGES: dict[str, Judge] = {
    **dict.fromkeys(LOOK_UP, _looks_up),
    "replace": _replace,
    "join": _join,
    "date": _date,
    **dict.fromkeys(("number", "money", "percent", "local_date", "local_time"), _local),
    "strip_html": _strip_html,
    "uniq": _uniq,
}
"""What the price by size does not tell: further steps, or MergeError."""
