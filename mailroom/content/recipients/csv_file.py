"""Recipients from a CSV file, row by row: the file is never held as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice, repeat
from operator import itemgetter
from typing import BinaryIO

from mailroom.content.addresses import INVISIBLE, Address, AddressError, all_plain, clean_name, parse_address
from mailroom.content.characters import misplaced_in_lines, suspicious
from mailroom.content.formulas import restored
from mailroom.content.recipients.columns import SEVERAL, Columns, columns_of, holds_address
from mailroom.content.recipients.csv_encoding import LIST_ENCODINGS, can_be_read_as, reading_of, separator_of
from mailroom.content.recipients.file_kind import no_list
from mailroom.content.recipients.parsed import MOST_COLUMNS, Parsed, Problem, Recipient
from mailroom.content.recipients.pasted import BAD_ENTRY_SHOWN

CSV_ROWS_SAMPLED = 20
"""Rows that are looked at to find the column of addresses."""

CSV_ROWS_AT_ONCE = 250
"""Rows that are read column by column: few enough to be held, enough to spare Python a loop over each."""

Numbered = tuple[int, list[str]]


def parse_csv(data: BinaryIO, encoding: str | None = None) -> Parsed:
    """Every address in a seekable file, each once, the row's other cells as its variables.

    In the encoding that somebody chose, or as `reading_of` finds it; separated by commas, semicolons,
    tabs or bars; with or without a row of headings. `data` stays open.
    """
    parsed = Parsed()
    name = encoding or reading_of(data).codec
    if refusal := no_list(data, is_wide=name.startswith(("utf-16", "utf-32"))):
        return parsed.refuse(refusal)
    if not can_be_read_as(data, name):
        return parsed.refuse(
            f"This file cannot be read as {LIST_ENCODINGS[name]}: choose another way to read it."
        )
    with _text(data, name) as text:
        columns = _columns(_rows(text, Parsed()), parsed)
    if columns is not None:
        with _text(data, name) as text:
            _read(_rows(text, parsed), columns, parsed)
    return parsed


def first_rows(data: BinaryIO, encoding: str, most: int) -> list[list[str]]:
    """The first rows as they are read in this encoding, headings included."""
    with _text(data, encoding) as text:
        return [row for _, row in islice(_rows(text, Parsed()), most)]


@contextmanager
def _text(data: BinaryIO, encoding: str) -> Iterator[io.TextIOWrapper]:
    """`data` from its beginning, to which it is put back."""
    data.seek(0)
    text = io.TextIOWrapper(data, encoding, newline="")
    try:
        yield text
    finally:
        text.detach()
        data.seek(0)


def _rows(text: io.TextIOWrapper, parsed: Parsed) -> Iterator[Numbered]:
    """Rows with the line they begin on; blank ones are left out, unreadable ones reported."""
    first, skipped = text.readline(), 0
    while first and (not first.strip() or first.lower().startswith("sep=")):  # Excel's own first line
        first, skipped = text.readline(), skipped + 1
    # Strict: else a quote that is never closed swallows all rows after it, silently.
    separator = separator_of(first)
    reader = csv.reader(chain([first], text), delimiter=separator, skipinitialspace=True, strict=True)
    line = skipped + 1
    while True:
        try:
            for row in reader:
                if any(row):
                    yield line, restored(row)
                line = skipped + reader.line_num + 1
            return
        except csv.Error as trouble:
            message = f"This row cannot be read ({trouble}). Is a quote left open?"
            parsed.problems.note(Problem(line, "", message))
            line = skipped + reader.line_num + 1


def _columns(rows: Iterator[Numbered], parsed: Parsed) -> Columns | None:
    """Read from the first rows, or from the first of all that holds an address; None: that is a problem."""
    sample = list(islice(rows, CSV_ROWS_SAMPLED))
    if not sample:
        return None
    if len(sample[0][1]) > MOST_COLUMNS:
        message = f"This file has {len(sample[0][1]):,} columns, and {MOST_COLUMNS:,} is the most."
        parsed.problems.note(Problem(sample[0][0], ", ".join(sample[0][1])[:BAD_ENTRY_SHOWN], message))
        return None
    for heading in sample[0][1]:
        if reason := misplaced_in_lines(heading.strip().strip(INVISIBLE)):
            message = f"A heading, or a value of the first row, {reason}: delete it, or type it anew."
            parsed.problems.note(Problem(sample[0][0], heading[:BAD_ENTRY_SHOWN], message))
            return None
    first, others = sample[0][1], [row for _, row in sample[1:]]
    columns = columns_of(first, others)
    if columns is None:  # people without an address may stand first
        columns = columns_of(first, list(islice((row for _, row in rows if any(map(holds_address, row))), 1)))
    if columns is None:
        message = "No column holds e-mail addresses. Name it email in the first row."
        parsed.problems.note(Problem(sample[0][0], ", ".join(first)[:BAD_ENTRY_SHOWN], message))
    return columns


def _read(rows: Iterator[Numbered], columns: Columns, parsed: Parsed) -> None:
    parsed.columns = [tag for _, tag in columns.variables]
    reading, rest = _Reading(columns, parsed), islice(rows, int(columns.has_header), None)
    while block := list(islice(rest, CSV_ROWS_AT_ONCE)):
        if not reading.take(block):
            reading.take_one_by_one(block)
    parsed.problems.sort(key=lambda problem: problem.line)  # a block's unreadable rows were noted before it


class _Reading:
    """Rows of a file on their way into `parsed`."""

    def __init__(self, columns: Columns, parsed: Parsed) -> None:
        self._columns = columns
        self._parsed = parsed
        self._lines_of: dict[str, int] = {}

    def take(self, block: Sequence[Numbered]) -> bool:
        """Adds them all. False: none was added, because one of them needs a closer look."""
        lines, rows = zip(*block, strict=True)
        if suspicious("".join(map("".join, rows)).replace("\r", "").replace("\n", "")):
            return False
        if set(map(len, rows)) != {self._columns.count}:
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
            for found in self._addresses(line, cells):
                good.append((line, cells, found.address, found.name))
        if good:
            self._add(*zip(*good, strict=True))

    def _addresses(self, line: int, cells: Sequence[str]) -> Iterable[Address]:
        """Those of one row, each once; what is none becomes a problem."""
        cell = cells[self._columns.address]
        found: dict[str, Address] = {}
        if not cell:
            known = ", ".join(list(filter(None, cells))[:3])[:BAD_ENTRY_SHOWN]
            message = f"This row has no address: {known}" if known else "The address is empty."
            self._parsed.problems.note(Problem(line, "", message))
            return ()
        for part in cell.split(SEVERAL):
            try:
                address = parse_address(part)
            except AddressError as refusal:
                self._parsed.problems.note(Problem(line, part.strip()[:BAD_ENTRY_SHOWN], str(refusal)))
                continue
            found.setdefault(address.key, address)
        return found.values()

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
        return row[:count] + [""] * (count - len(row))

    def _add(
        self, lines: Sequence[int], rows: Sequence[list[str]], addresses: Sequence[str], names: Iterable[str]
    ) -> None:
        if (place := self._columns.name) is not None:
            names = [clean_name(row[place]) or name for row, name in zip(rows, names, strict=False)]
        found = map(Recipient, addresses, names, self._variables(rows))
        firsts = list(map(self._lines_of.setdefault, map(str.lower, addresses), lines))
        for line, first, recipient in zip(lines, firsts, found, strict=True):
            if first == line:
                self._parsed.recipients.append(recipient)
                self._parsed.places.append(line)
            else:
                twice = Problem(line, recipient.address, f"is on line {first} already")
                self._parsed.duplicates.note(twice)

    def _variables(self, rows: Sequence[list[str]]) -> Iterable[dict[str, str] | None]:
        if not self._columns.variables:
            return repeat(None)
        columns = [map(str.strip, map(itemgetter(place), rows)) for place, _ in self._columns.variables]
        return map(dict, map(zip, repeat(self._parsed.columns), zip(*columns, strict=True)))
