"""Figures, sizes and times as a reader likes them: the filters of our templates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Flask
from markupsafe import Markup, escape

from mailroom.ledger import states


def number(value: int) -> str:
    """1,234,567"""
    return f"{value:,}"


def count(value: int, noun: str, plural: str = "") -> str:
    """1 mail, 2,000 mails"""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def ended(counts: Mapping[states.State, int]) -> int:
    """How many have an outcome."""
    return sum(counts.get(state, 0) for state in states.TERMINAL)


def duration(milliseconds: float) -> str:
    """12 ms, 3.4 s, 2 min 5 s, 1 h 20 min"""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(value: int) -> str:
    """900 bytes, 12 KB, 3.4 MB, as browsers and mail programs count: 1,024 bytes are a KB."""
    if value < 1024:
        return count(value, "byte")
    if value < 1024 * 1024:
        return f"{value / 1024:.0f} KB"
    return f"{value / (1024 * 1024):.1f}".removesuffix(".0") + " MB"


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(moment: datetime, style: str = "short") -> str:
    """2026-11-23 10:30 UTC, for terminals; `exact`: 10:30:00.123 UTC."""
    if style == "exact":
        return f"{moment.astimezone(UTC).time().isoformat('milliseconds')} UTC"
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def attributes(values: Mapping[str, object]) -> Markup:
    """Attributes of an HTML element. True is written as HTML writes it: by its name alone; False and
    None are left out.
    """
    given = {name: value for name, value in values.items() if value is not False and value is not None}
    written = (name if value is True else f'{name}="{escape(value)}"' for name, value in given.items())
    return Markup(" ").join(map(Markup, written))


def init_app(app: Flask) -> None:
    for filter_ in (number, count, ended, duration, size, iso, attributes):
        app.jinja_env.filters[filter_.__name__] = filter_
    app.jinja_env.globals["states"] = states
