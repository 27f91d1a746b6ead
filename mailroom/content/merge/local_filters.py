"""Filters for numbers and dates as they are written in a language: Liquid's own know English only.

{{ amount | money: "EUR", locale: "de" }}      1.234,50 €
{{ amount | number: locale: "fr" }}            1 234,5
{{ share | percent: locale: "de" }}            12 %
{{ day | local_date: locale: "de" }}           31. Dezember 2026
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Context, Decimal, localcontext
from math import isfinite
from typing import Any

from mailroom.content.merge.plain import MergeError

USUAL_LOCALE = "en"
MOST_DIGITS = 10

LOCALES = frozenset(
    (
        *(
            "ar",
            "bg",
            "ca",
            "cs",
            "da",
            "de",
            "de_AT",
            "de_CH",
            "el",
            "en",
            "en_AU",
            "en_CA",
            "en_GB",
            "en_IE",
        ),
        *("en_IN", "en_US", "es", "es_AR", "es_MX", "et", "eu", "fa", "fi", "fr", "fr_BE", "fr_CA", "fr_CH"),
        *("ga", "gl", "he", "hi", "hr", "hu", "id", "is", "it", "it_CH", "ja", "ko", "lt", "lv", "mk", "ms"),
        *("nb", "nl", "nl_BE", "nn", "pl", "pt", "pt_BR", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "th"),
        *("tr", "uk", "vi", "zh", "zh_Hant"),
    )
)
"""What is known of one takes up to a megabyte, and stays: so they are these, and not all 700."""

DATE_STYLES = ("short", "medium", "long", "full")

_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?\s*").fullmatch
_CURRENCY = re.compile(r"[A-Z]{3}").fullmatch
_MARKS_OF_DIRECTION = re.compile("[\u200e\u200f\u061c]")
SHOWN_OF_VALUE = 40

_WHOLE = Context(prec=60)
"""All of a number's digits: twenty on either side of the point, and those that `digits` asks for."""


def number(value: object, *, locale: object = USUAL_LOCALE, digits: object = None) -> str:
    """`digits`: behind the point; left out: as many as there are."""
    from babel.numbers import format_decimal

    def written(amount: Decimal, known: str) -> str:
        places = -int(amount.as_tuple().exponent) if digits is None else _digits(digits)
        pattern = f"#,##0.{'0' * places}" if places > 0 else "#,##0"
        return format_decimal(amount, pattern, locale=known)

    return _of_number(value, locale, written)


def money(value: object, currency: object = "EUR", *, locale: object = USUAL_LOCALE) -> str:
    """`currency`: of ISO 4217."""
    from babel.numbers import format_currency

    code = str(currency)
    if not _CURRENCY(code):
        raise MergeError(f"“{code[:SHOWN_OF_VALUE]}” is no currency like EUR")
    return _of_number(value, locale, lambda amount, known: format_currency(amount, code, locale=known))


def percent(value: object, *, locale: object = USUAL_LOCALE, digits: object = 0) -> str:
    """12 is 12 %."""
    from babel.numbers import format_percent

    places = _digits(digits)
    pattern = f"#,##0.{'0' * places}" if places else "#,##0"

    def written(amount: Decimal, known: str) -> str:
        sign = format_percent(0, locale=known).replace("0", "{}", 1)
        if "{}" not in sign:  # digits of its own, as in Arabic
            return format_percent(amount / 100, locale=known)
        from babel.numbers import format_decimal

        return sign.replace("{}", format_decimal(amount, pattern, locale=known), 1)

    return _of_number(value, locale, written)


def local_date(value: object, *, locale: object = USUAL_LOCALE, format: object = "long") -> str:
    """Of 2026-12-31, also with a time. `format`: short, medium, long or full."""
    from babel.dates import format_date

    text = str(value).strip()
    if not text or value is None:
        return ""
    if format not in DATE_STYLES:
        raise MergeError(f"a date is written {', '.join(DATE_STYLES[:-1])} or {DATE_STYLES[-1]}")
    return _plain(format_date(_date(text), str(format), locale=_known(locale)))


def local_time(value: object, *, locale: object = USUAL_LOCALE) -> str:
    """The time of 2026-12-31T18:30, as it stands there."""
    from babel.dates import format_time

    text = str(value).strip()
    if not text or value is None:
        return ""
    return _plain(format_time(_moment(text).time(), "short", locale=_known(locale)))


LOCAL_FILTERS: dict[str, Callable[..., Any]] = {
    one.__name__: one for one in (number, money, percent, local_date, local_time)
}


def _of_number(value: object, locale: object, written: Callable[[Decimal, str], str]) -> str:
    text = _typed(value)
    if not text.strip():
        return ""
    if not _NUMBER(text):
        raise MergeError(f"“{text[:SHOWN_OF_VALUE]}” is no number like 1234.5")
    known = _known(locale)
    with localcontext(_WHOLE):
        return _plain(written(Decimal(text.strip()), known))


def _typed(value: object) -> str:
    """As a person types it: 0.0000001, not 1e-07."""
    if isinstance(value, float | Decimal) and isfinite(value):
        return format(Decimal(str(value)), "f")
    return "" if value is None else str(value)


def _known(locale: object) -> str:
    name = str(locale).replace("-", "_")
    if name not in LOCALES:
        raise MergeError(f"there is no locale “{name[:SHOWN_OF_VALUE]}”: write de, or en-GB")
    return name


def _digits(given: object) -> int:
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= MOST_DIGITS):
        raise MergeError(f"digits are a whole number up to {MOST_DIGITS}")
    return int(text)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return _moment(text).date()


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise MergeError(f"“{text[:SHOWN_OF_VALUE]}” is no date like 2026-12-31") from None


def _plain(written: str) -> str:
    """Without marks of direction: a subject, or the name of a file, has no place for them."""
    return _MARKS_OF_DIRECTION.sub("", written)
