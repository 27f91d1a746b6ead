"""Recipients from a CSV file, row by row: the file is never held as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from operator import itemgetter
from typing import BinaryIO

from mailroom.content.addresses import INVISIBLE, AddressError, all_plain, clean_name, parse_address
from mailroom.content.characters import misplaced_in_lines, suspicious
from mailroom.content.formulas import restored
from mailroom.content.recipients.columns import Columns, columns_of
from mailroom.content.recipients.csv_encoding import encoding_of, separator_of
from mailroom.content.recipients.parsed import MOST_COLUMNS, Parsed, Problem, Recipient
from mailroom.content.recipients.pasted import BAD_ENTRY_SHOWN

CSV_ROWS_SAMPLED = 20
"""Rows that are looked at to find the column of addresses."""

CSV_ROWS_AT_ONCE = 250
"""Rows that are read column by column: few enough to be held, enough to spare Python a loop over each."""

Numbered = tuple[int, list[str]]


def parse_csv(data: BinaryIO) -> Parsed:
    """Every address in a seekable file, each once, the row's other cells as its variables.

    UTF-8, UTF-16 or Windows-1252; separated by commas, semicolons or tabs; with or
    without a row of headings. `data` stays open.
    """
    parsed = Parsed()
    text = io.TextIOWrapper(data, encoding_of(data), newline="")
    try:
        _parse(_rows(text, parsed), parsed)
    finally:
        text.detach()
    return parsed


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


def _parse(rows: Iterator[Numbered], parsed: Parsed) -> None:
    sample = list(islice(rows, CSV_ROWS_SAMPLED))
    if not sample:
        return
    if len(sample[0][1]) > MOST_COLUMNS:
        message = f"This file has {len(sample[0][1]):,} columns, and {MOST_COLUMNS:,} is the most."
        parsed.problems.note(Problem(sample[0][0], ", ".join(sample[0][1])[:BAD_ENTRY_SHOWN], message))
        return
    for heading in sample[0][1]:
        if reason := misplaced_in_lines(heading.strip().strip(INVISIBLE)):
            message = f"A heading, or a value of the first row, {reason}: delete it, or type it anew."
            parsed.problems.note(Problem(sample[0][0], heading[:BAD_ENTRY_SHOWN], message))
            return
    columns = columns_of(sample[0][1], [row for _, row in sample[1:]])
    if columns is None:
        message = "No column holds e-mail addresses. Name it email in the first row."
        parsed.problems.note(Problem(sample[0][0], ", ".join(sample[0][1])[:BAD_ENTRY_SHOWN], message))
        return
    parsed.columns = [tag for _, tag in columns.variables]
    reading, rest = _Reading(columns, parsed), chain(sample[columns.has_header :], rows)
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
            cell = cells[self._columns.address]
            if self._is_misplaced(line, cells):
                continue
            try:
                found = parse_address(cell)
            except AddressError as refusal:
                self._parsed.problems.note(Problem(line, cell[:BAD_ENTRY_SHOWN], str(refusal)))
                continue
            good.append((line, cells, found.address, found.name))
        if good:
            self._add(*zip(*good, strict=True))

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
            else:
                twice = Problem(line, recipient.address, f"is on line {first} already")
                self._parsed.duplicates.note(twice)

    def _variables(self, rows: Sequence[list[str]]) -> Iterable[dict[str, str] | None]:
        if not self._columns.variables:
            return repeat(None)
        columns = [map(str.strip, map(itemgetter(place), rows)) for place, _ in self._columns.variables]
        return map(dict, map(zip, repeat(self._parsed.columns), zip(*columns, strict=True)))
