"""Recipients from a table, row by row, whatever file it came in: it is never held as a whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, repeat
from operator import itemgetter
from typing import cast

from mailroom.content.addresses import (
    INVISIBLE,
    Address,
    AddressError,
    all_plain,
    clean_name,
    clean_names,
    parse_address,
)
from mailroom.content.recipients.cells import holds_address, parts_of
from mailroom.content.recipients.columns import Columns, columns_of
from mailroom.content.recipients.parsed import MOST_COLUMNS, Parsed, Problem, Recipient
from mailroom.content.recipients.pasted import BAD_ENTRY_SHOWN
from mailroom.content.recipients.spool import OF_A_VALUE, USUAL_VALUES
from mailroom.content.text.characters import misplaced_in_lines, suspicious

ROWS_SAMPLED = 20
"""Rows that are looked at to find the headings, and the column of addresses."""

TABLE_ROWS_AT_ONCE = 250
"""Rows that are read column by column: few enough to be held, enough to spare Python a loop over each."""

BLOCK_CHARACTERS = 1_000_000
"""Of those rows: of longer ones there are fewer."""

MOST_LACKING = 5_000_000
"""Cells that rows lack, in all: each is an empty value of its recipient, and a row of ten octets may lack a
thousand.
"""

USUAL_ADDRESSES = 10
"""Of a row: for each further one, all that stands in the row is written once more."""

MOST_COPIED = 100_000_000
"""Characters, in all, that are written once more so."""

MOST_ROWS = 10_000_000
"""Of one list: of more, what is held of each takes gigabytes."""

ROWS_SHOWN = 8
"""Of a list, headings included."""

Numbered = tuple[int, list[str]]
"""A row with the line that it begins on, from 1."""

Rows = Callable[[Parsed], Generator[Numbered]]
"""Rows from the first one on, as often as asked; what cannot be read is noted in what is given."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How somebody wants a file to be read, where they said so.

    `column` is that of the addresses: its heading, or its number from 1. `mended` is what to read in place
    of an entry, by its line and how it is written. `tell` is told how many rows are read.
    """

    encoding: str | None = None
    sheet: str = ""
    column: str = ""
    mended: Mapping[tuple[int, str], str] = field(default_factory=dict)
    most: int = MOST_ROWS
    tell: Callable[[int], object] = field(default=lambda read: None, compare=False)


AS_IT_IS = Wishes()


def read_table(rows: Rows, parsed: Parsed, wishes: Wishes = AS_IT_IS) -> Parsed:
    """Every address, each once, the row's other cells as its variables; into `parsed`, which is returned."""
    with closing(rows(Parsed())) as first:
        columns = _columns(first, parsed, wishes)
    if columns is not None:
        parsed.table = columns
        parsed.columns = [tag for _, tag in columns.variables]
        reading, rest = _Reading(columns, parsed, wishes.mended), islice(rows(parsed), columns.start, None)
        for block in _blocks(rest, _beside_characters(columns)):
            parsed.rows += len(block)
            wishes.tell(parsed.rows)
            if parsed.rows > wishes.most:
                return Parsed().refuse(f"This list has more than {wishes.most:,} rows: send it in parts.")
            if not reading.take(block):
                reading.take_one_by_one(block)
            if reading.copied > MOST_COPIED:
                return Parsed().refuse(
                    "Too many addresses stand in one cell, beside too much: give each a row of its own."
                )
            if parsed.lacking > MOST_LACKING:
                return Parsed().refuse(
                    f"Rows of this list lack more than {MOST_LACKING:,} cells in all: its headings name "
                    f"{columns.count:,} columns. Take away those that are empty."
                )
        parsed.problems.sort(key=lambda problem: problem.line)  # a block's unreadable rows came before it
    return parsed


def _beside_characters(columns: Columns) -> int:
    """What a row takes beside its characters, where it is a wide one."""
    return OF_A_VALUE * max(0, columns.count - USUAL_VALUES)


def _blocks(rows: Iterable[Numbered], more: int) -> Iterator[list[Numbered]]:
    """`more`: characters that each row counts beside its own."""
    block, characters = list[Numbered](), 0
    for row in rows:
        block.append(row)
        characters += sum(map(len, row[1])) + more
        if len(block) == TABLE_ROWS_AT_ONCE or characters > BLOCK_CHARACTERS:
            yield block
            block, characters = [], 0
    if block:
        yield block


def _columns(rows: Iterator[Numbered], parsed: Parsed, wishes: Wishes) -> Columns | None:
    """Read from the first rows, or from the first of all that holds an address; None: that is a problem."""
    sample = list(islice(rows, ROWS_SAMPLED))
    if not sample:
        return None
    (line, first), others = sample[0], [row for _, row in sample]
    parsed.first_rows = others[:ROWS_SHOWN]
    if (width := max(map(len, others))) > MOST_COLUMNS:
        message = f"This file has {width:,} columns, and {MOST_COLUMNS:,} is the most."
        parsed.problems.note(Problem(line, ", ".join(first)[:BAD_ENTRY_SHOWN], message))
        return None
    columns = columns_of(others, wishes.column)
    if columns is None:  # people without an address may stand first
        addressed = (row for _, row in islice(rows, wishes.most) if any(map(holds_address, row)))
        columns = columns_of([*others, *islice(addressed, 1)])
    if columns is None:
        message = "No column holds e-mail addresses. Name it email in the first row."
        parsed.problems.note(Problem(line, ", ".join(first)[:BAD_ENTRY_SHOWN], message))
        return None
    line, first = sample[max(columns.start - 1, 0)]
    for heading in first:
        if reason := misplaced_in_lines(heading.strip().strip(INVISIBLE)):
            message = f"A heading, or a value of the first row, {reason}: delete it, or type it anew."
            parsed.problems.note(Problem(line, heading[:BAD_ENTRY_SHOWN], message))
            return None
    return columns


_recipient = cast(Callable[[tuple[object, ...]], Recipient], partial(tuple.__new__, Recipient))
"""Of all its fields, in a third of the time."""


class _Reading:
    """Rows of a table on their way into `parsed`."""

    def __init__(self, columns: Columns, parsed: Parsed, mended: Mapping[tuple[int, str], str]) -> None:
        self._columns = columns
        self._parsed = parsed
        self._mended = mended
        self._mended_lines = {line for line, _ in mended}
        self.copied = 0

    def take(self, block: Sequence[Numbered]) -> bool:
        """Adds them all. False: none was added, because one of them needs a closer look."""
        lines, rows = zip(*block, strict=True)
        together = "".join(map("".join, rows)).replace("\r", "").replace("\n", "")
        if not (together.isascii() and together.isprintable()) and suspicious(together):
            return False
        if set(map(len, rows)) != {self._columns.count} or not self._mended_lines.isdisjoint(lines):
            return False
        addresses = all_plain([row[self._columns.address] for row in rows])
        if addresses is None:
            return False
        self._add(lines, rows, addresses, repeat(""))
        return True

    def take_one_by_one(self, block: Iterable[Numbered]) -> None:
        """Adds those that can be mailed; the others become problems."""
        good: list[tuple[int, list[str], str, str]] = []
        for line, row in block:
            cells = self._fitted(line, row)
            if cells is None:
                continue
            cells = [cell.strip().strip(INVISIBLE) for cell in cells]
            if self._is_misplaced(line, cells):
                continue
            found = self._addresses(line, cells)
            if len(found) > USUAL_ADDRESSES and self._copies_too_much(cells, len(found) - USUAL_ADDRESSES):
                break
            good += ((line, cells, one.address, one.name) for one in found)
        if good:
            self._add(*zip(*good, strict=True))

    def _copies_too_much(self, cells: Sequence[str], times: int) -> bool:
        beside = sum(map(len, cells)) - len(cells[self._columns.address])
        self.copied += times * (beside + OF_A_VALUE * len(cells))
        return self.copied > MOST_COPIED

    def _addresses(self, line: int, cells: Sequence[str]) -> Collection[Address]:
        """Those of one row, each once; what is none becomes a problem."""
        cell = cells[self._columns.address]
        found: dict[str, Address] = {}
        if not cell and (line, "") not in self._mended:
            known = ", ".join(list(filter(None, cells))[:3])[:BAD_ENTRY_SHOWN]
            message = f"This row has no address: {known}" if known else "The address is empty."
            self._parsed.problems.note(Problem(line, "", message))
            return ()
        for part in parts_of(cell):
            entry = part.strip()[:BAD_ENTRY_SHOWN]
            try:
                address = self._mended_address(line, parse_address(self._mended.get((line, entry), part)))
            except AddressError as refusal:
                self._parsed.problems.note(Problem(line, entry, str(refusal)))
                continue
            found.setdefault(address.key, address)
        return found.values()

    def _mended_address(self, line: int, address: Address) -> Address:
        """The one in its place, where it could be mailed and is not the one that is meant."""
        meant = self._mended.get((line, address.address))
        return Address(parse_address(meant).address, address.name) if meant else address

    def _is_misplaced(self, line: int, cells: Sequence[str]) -> bool:
        """Whether a value holds what nobody sees. The address is judged when it is read."""
        for place, cell in enumerate(cells):
            if place != self._columns.address and (reason := misplaced_in_lines(cell)):
                message = f"The value in column {place + 1} {reason}: delete it, or type the words anew."
                self._parsed.problems.note(Problem(line, cell[:BAD_ENTRY_SHOWN], message))
                return True
        return False

    def _fitted(self, line: int, row: list[str]) -> list[str] | None:
        count = self._columns.count
        if any(row[count:]):
            message = f"This row has {len(row)} cells for {count} columns. Does one need quotes?"
            self._parsed.problems.note(Problem(line, ", ".join(row)[:BAD_ENTRY_SHOWN], message))
            return None
        self._parsed.lacking += max(0, count - len(row))
        return row[:count] + [""] * (count - len(row))

    def _add(
        self, lines: Sequence[int], rows: Sequence[list[str]], addresses: Sequence[str], names: Iterable[str]
    ) -> None:
        if self._columns.names:
            names = [found or name for found, name in zip(self._names(rows), names, strict=False)]
        found = map(_recipient, zip(addresses, names, self._variables(rows), repeat("to"), strict=False))
        characters = sum(map(len, chain.from_iterable(rows))) + len(rows) * _beside_characters(self._columns)
        firsts = self._first_lines(addresses, lines)
        if firsts == list(lines):
            self._parsed.recipients.extend(found, characters)
            self._parsed.places.extend(lines)
            return
        new = []
        for line, first, recipient in zip(lines, firsts, found, strict=True):
            if first == line:
                new.append(recipient)
                self._parsed.places.append(line)
            else:
                twice = Problem(line, recipient.address, f"is on line {first} already")
                self._parsed.duplicates.note(twice)
        self._parsed.recipients.extend(new, characters)

    def _first_lines(self, addresses: Sequence[str], lines: Sequence[int]) -> list[int]:
        """An address that is its own key is held once, as long as its recipient is held."""
        keys = list(map(str.lower, addresses))
        if keys != list(addresses) or self._parsed.recipients.is_spooled:
            return self._parsed.lines_of.setdefault_all(keys, lines)
        return self._parsed.lines_of.setdefault_all(addresses, lines, are_held=True)

    def _names(self, rows: Sequence[list[str]]) -> Iterable[str]:
        if len(self._columns.names) == 1:
            return clean_names(list(map(itemgetter(*self._columns.names), rows)))
        pairs = map(itemgetter(*self._columns.names), rows)
        return (_joined(clean_name(first), clean_name(last)) for first, last in pairs)

    def _variables(self, rows: Sequence[list[str]]) -> Iterable[dict[str, str] | None]:
        if not self._columns.variables:
            return repeat(None)
        columns = [map(str.strip, map(itemgetter(place), rows)) for place, _ in self._columns.variables]
        return map(dict, map(zip, repeat(self._parsed.columns), zip(*columns, strict=True)))


def _joined(first: str, last: str) -> str:
    """Ann and Lee. Where one holds the other already, it is the whole name."""
    if not first or f" {first} " in f" {last} ":
        return last
    return f"{first} {last}" if last else first
