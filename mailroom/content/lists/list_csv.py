"""A list as a table: its header, and a row for each member. An import reads it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from mailroom.content.lists.stated_consent import CONSENT_COLUMNS
from mailroom.content.merge.plain import Value, text_of


def header_of(columns: Sequence[str]) -> tuple[str, ...]:
    return ("email", "name", *columns, *CONSENT_COLUMNS)


def cells_of(
    address: str,
    name: str,
    values: Mapping[str, Value],
    columns: Sequence[str],
    consent: tuple[bool, datetime, str, str] | None,
) -> tuple[str, ...]:
    """`consent`: given, at, how, evidence."""
    said = ("", "", "", "")
    if consent is not None:
        given, at, how, evidence = consent
        moment = at.astimezone(UTC).isoformat(timespec="milliseconds")
        said = ("given" if given else "withdrawn", moment, how, evidence)
    return (address, name, *(text_of(values.get(column)) for column in columns), *said)
