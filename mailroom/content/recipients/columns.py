"""Which column of a table is what, and what its merge tag is called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import normalize

from mailroom.content.merge.names import identifier
from mailroom.content.recipients.cells import holds_address
from mailroom.content.recipients.headings import (
    FIRST_NAMES,
    FULL_NAMES,
    LAST_NAMES,
    NAME_IS_LAST_BESIDE,
    RECIPIENT_HEADINGS,
    SURELY_MAIL,
)
from mailroom.content.text.typed_numbers import typed_number

_TAKEN = {"email", "name"}
"""Merge tags that every recipient has anyway."""

_WHOLE = {"name", "full_name", "display_name"}
"""Headings of a name that need no tag of their own beside `name`."""

_MEANT = {*SURELY_MAIL, *RECIPIENT_HEADINGS}

_TITLE_FILLS = 0.6
"""A row above the people that fills a smaller share of the cells that another there does is a title."""

_CONTENTS = (
    ("date", re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:]+)?|\d{1,2}[./]\d{1,2}[./]\d{4}").fullmatch),
    ("phone", re.compile(r"(?:\+|00)[\d ()/.-]{7,25}").fullmatch),
    ("link", re.compile(r"https?://\S+").fullmatch),
)
"""What a column without a heading is called, when every cell in it says so."""

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Columns:
    """`address` and `names` (of one, or first and last) are positions; `variables` are positions with their
    tag's name.

    `start` is the index of the first row of people; `headings` are as written, empty where there are none.
    """

    address: int
    names: tuple[int, ...]
    variables: tuple[tuple[int, str], ...]
    headings: tuple[str, ...]
    start: int

    @property
    def count(self) -> int:
        return len(self.headings)


def columns_of(sample: Sequence[Row], chosen: str = "") -> Columns | None:
    """Read from the first rows of a table; None: no column holds addresses.

    `chosen`: the column of addresses, when somebody said so: its heading, or its number from 1.
    """
    at = _heading_row(sample)
    headings = tuple(normalize("NFC", cell.strip()) if at is not None else "" for cell in sample[at or 0])
    people = sample[0 if at is None else at + 1 :]
    tags = [identifier(heading) for heading in headings]
    address = _chosen(chosen, tags)
    if address is None:
        address = _address_column(tags, people)
    if address is None:
        return None
    return _named(headings, tags, address, people, start=0 if at is None else at + 1)


def _chosen(column: str, tags: Sequence[str]) -> int | None:
    """Its position; None for one that there is not."""
    if column.isdecimal():
        number = typed_number(column, len(tags))
        return None if number is None else number - 1
    tag = identifier(column)
    return tags.index(tag) if tag and tag in tags else None


def _heading_row(sample: Sequence[Row]) -> int | None:
    """The row that says what the columns are; what stands above it are titles. None: people begin at once.

    It stands above the first address, and it names the column of addresses, or fills as many cells as any.
    """
    for number, row in enumerate(sample):
        if any(map(holds_address, row)):
            sample = sample[:number]
            break
        if any(identifier(cell) in _MEANT for cell in row):
            return number
    if not sample:
        return None
    filled = [sum(map(bool, row)) for row in sample]
    return next(number for number, some in enumerate(filled) if some >= _TITLE_FILLS * max(filled))


def _address_column(tags: Sequence[str], people: Sequence[Row]) -> int | None:
    named = [tags.index(word) for word in (*SURELY_MAIL, *RECIPIENT_HEADINGS) if word in tags]
    held = {
        place: some
        for place in range(len(tags))
        if (some := sum(holds_address(row[place]) for row in people if place < len(row)))
    }
    surely = next((tags.index(word) for word in SURELY_MAIL if word in tags), None)
    if surely is not None and not any(row[surely].strip() for row in people if surely < len(row)):
        return surely  # of people who stand first, and have none
    # `Address` is often a street: a name alone decides only where no cell does.
    if not held:
        return next(iter(named), None)
    return next((place for place in named if place in held), max(held, key=held.__getitem__))


def _named(
    headings: Sequence[str], tags: Sequence[str], address: int, people: Sequence[Row], *, start: int
) -> Columns:
    names, is_whole = _names(tags, address, people)
    taken, variables = dict.fromkeys(_TAKEN, 2), []
    for place, tag in enumerate(tags):
        if place == address or (is_whole and place in names and tag in _WHOLE):
            continue
        variables.append((place, _free(tag or _by_content(place, people), taken)))
    return Columns(address, names, tuple(variables), tuple(headings), start)


def _names(tags: Sequence[str], address: int, people: Sequence[Row]) -> tuple[tuple[int, ...], bool]:
    """The columns that make a name, and whether it is one that holds it whole."""

    def find(words: Sequence[str]) -> int | None:
        places = (tags.index(word) for word in words if word in tags)
        return next((place for place in places if place != address), None)

    whole, first, last = find(FULL_NAMES), find(FIRST_NAMES), find(LAST_NAMES)
    if first is not None and last is None and (beside := NAME_IS_LAST_BESIDE.get(tags[first])):
        family = find([beside])
        if family is not None and not _is_whole(people, first, family):
            last, whole = family, None
    if whole is not None:
        return (whole,), True
    if first is None:  # `nom`, `nombre`, `nome` alone: the name
        return ((last,) if last is not None else ()), False
    return (first, last) if last is not None else (first,), False


def _is_whole(people: Sequence[Row], first: int, name: int) -> bool:
    """Whether everybody's first name stands in the name as well, as in what Mailroom exports."""
    both = [(row[first], row[name]) for row in people if max(first, name) < len(row)]
    both = [(one, all_of_it) for one, all_of_it in both if one and all_of_it]
    return bool(both) and all(f" {one} " in f" {all_of_it} " for one, all_of_it in both)


def _by_content(place: int, people: Sequence[Row]) -> str:
    cells = [row[place].strip() for row in people if place < len(row) and row[place].strip()]
    found = (name for name, is_one in _CONTENTS if cells and all(map(is_one, cells)))
    return next(found, f"column_{place + 1}")


def _free(tag: str, taken: dict[str, int]) -> str:
    """The tag, with the first free number where it is taken, looked for from the last that was given."""
    candidate = tag
    while candidate in taken:
        candidate = f"{tag}_{taken[tag]}"
        taken[tag] += 1
    taken[candidate] = 2
    return candidate
