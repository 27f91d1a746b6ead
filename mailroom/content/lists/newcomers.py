"""Newcomers: whom an import brings, with their values and what is stated of their consent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mailroom.content.lists.list_values import ValuesTooLong, as_json, compact
from mailroom.content.lists.stated_consent import (
    CONSENT_COLUMNS,
    ConsentUnreadable,
    StatedConsent,
    stated_in,
)
from mailroom.content.merge.plain import Value
from mailroom.content.recipients.parsed import MOST_COLUMNS, Parsed, Problem, Problems, Recipient
from mailroom.content.recipients.spool import characters_of


class Newcomer(NamedTuple):
    """One row of what is imported. `values` has no empty ones."""

    address: str
    name: str
    values: dict[str, Value]
    consent: StatedConsent | None = None

    @property
    def key(self) -> str:
        return self.address.lower()

    @property
    def characters(self) -> int:
        """That its values take."""
        return characters_of(self.values)


class TooManyColumns(ValueError):
    """`str()` is a sentence."""


@dataclass(frozen=True, slots=True)
class Newcomers:
    """As often as asked, one after the other: a million need not be held. `columns`: of variables."""

    recipients: Sequence[Recipient]
    columns: Sequence[str]
    states_consent: bool

    def __len__(self) -> int:
        return len(self.recipients)

    def __iter__(self) -> Iterator[Newcomer]:
        """Without those that cannot be kept: see `problems`."""
        for recipient in self.recipients:
            try:
                yield _newcomer(recipient, self.states_consent)
            except (ConsentUnreadable, ValuesTooLong):
                continue

    def problems(self) -> Problems:
        """Rows whose consent cannot be read, or whose values are too long."""
        found = Problems()
        for recipient in self.recipients:
            try:
                _newcomer(recipient, self.states_consent)
            except (ConsentUnreadable, ValuesTooLong) as reason:
                found.note(Problem(0, recipient.address, str(reason)))
        return found


def newcomers(parsed: Parsed) -> Newcomers:
    """Of a list as it was read. Columns of consent are no variables."""
    columns = [name for name in parsed.columns if name not in CONSENT_COLUMNS]
    return Newcomers(parsed.recipients, columns, len(columns) < len(parsed.columns))


def all_columns(before: Sequence[str], more: Iterable[str]) -> list[str]:
    """In their order. Raises TooManyColumns."""
    columns = list(dict.fromkeys([*before, *more]))
    if len(columns) > MOST_COLUMNS:
        raise TooManyColumns(
            f"The list would have {len(columns):,} columns, and {MOST_COLUMNS:,} is the most."
        )
    return columns


def _newcomer(recipient: Recipient, states_consent: bool) -> Newcomer:
    values = compact(recipient.variables or {})
    consent = None
    if states_consent:
        consent = stated_in(values)
        values = {name: value for name, value in values.items() if name not in CONSENT_COLUMNS}
    as_json(values)
    return Newcomer(recipient.address, recipient.name, values, consent)
