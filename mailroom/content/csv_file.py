"""Recipients from a CSV file, row by row: the file is never held as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import BinaryIO

from mailroom.content.addresses import AddressError, clean_name, parse_address, parse_plain
from mailroom.content.columns import Columns, columns_of
from mailroom.content.csv_encoding import encoding_of, separator_of
from mailroom.content.parsed import Parsed, Problem, Recipient
from mailroom.content.pasted import SHOWN

SAMPLE = 20
"""Rows that are looked at to find the column of addresses."""

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
                    yield line, row
                line = skipped + reader.line_num + 1
            return
        except csv.Error as trouble:
            message = f"This row cannot be read ({trouble}). Is a quote left open?"
            parsed.problems.append(Problem(line, "", message))
            line = skipped + reader.line_num + 1


def _parse(rows: Iterator[Numbered], parsed: Parsed) -> None:
    sample = list(islice(rows, SAMPLE))
    if not sample:
        return
    columns = columns_of(sample[0][1], [row for _, row in sample[1:]])
    if columns is None:
        message = "No column holds e-mail addresses. Name it email in the first row."
        parsed.problems.append(Problem(sample[0][0], ", ".join(sample[0][1])[:SHOWN], message))
        return
    parsed.columns = [tag for _, tag in columns.variables]
    _read(chain(sample[columns.has_header :], rows), columns, parsed)


def _cells_of(columns: Columns) -> Callable[[list[str]], Sequence[str]]:
    positions = [position for position, _ in columns.variables]
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda row: [row[position] for position in positions]


def _read(rows: Iterator[Numbered], columns: Columns, parsed: Parsed) -> None:
    # Written flat: it runs for every row of a file of a hundred thousand.
    address_at, name_at, count = columns.address, columns.name, columns.count
    tags, cells_of = parsed.columns, _cells_of(columns)
    lines_of: dict[str, int] = {}
    recipients = parsed.recipients
    for line, row in rows:
        if len(row) != count:
            if any(row[count:]):
                message = f"This row has {len(row)} cells for {count} columns. Does one need quotes?"
                parsed.problems.append(Problem(line, ", ".join(row)[:SHOWN], message))
                continue
            row += [""] * (count - len(row))
        address, name = parse_plain(row[address_at]), ""
        if address is None:
            try:
                found = parse_address(row[address_at])
            except AddressError as refusal:
                parsed.problems.append(Problem(line, row[address_at][:SHOWN], str(refusal)))
                continue
            address, name = found.address, found.name
        key = address.lower()
        first = lines_of.setdefault(key, line)
        if first != line:
            parsed.duplicates.append(Problem(line, address, f"is on line {first} already"))
            continue
        if name_at is not None and row[name_at]:
            name = clean_name(row[name_at])
        variables = dict(zip(tags, map(str.strip, cells_of(row)), strict=True)) if tags else None
        recipients.append(Recipient(address, name, variables))
