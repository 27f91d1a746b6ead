"""Rows of a CSV file: it is never held as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, count, islice
from typing import BinaryIO, Protocol

from mailroom.content.recipients.files.csv_encoding import (
    LIST_ENCODINGS,
    LONGEST_LIST_LINE,
    MOST_LIST_LINES,
    can_be_read_as,
    is_oversized,
    reading_of,
)
from mailroom.content.recipients.files.csv_separator import LINES_LOOKED_AT, separator_of
from mailroom.content.recipients.files.file_kind import AS_CSV, no_list, told
from mailroom.content.recipients.files.line_blocks import LineBlocks
from mailroom.content.recipients.parsed import Parsed, Problem
from mailroom.content.recipients.table import AS_IT_IS, Numbered, Wishes, read_table
from mailroom.content.text.formulas import restored


def parse_csv(data: BinaryIO, encoding: str | None = None, wishes: Wishes = AS_IT_IS) -> Parsed:
    """Every address in a seekable file, each once, the row's other cells as its variables.

    In the encoding that somebody chose, or as `reading_of` finds it; with or without a row of headings.
    `data` stays open.
    """
    parsed = Parsed()
    name = encoding or wishes.encoding or reading_of(data).codec
    if refusal := no_list(data, is_wide=name.startswith(("utf-16", "utf-32"))):
        return parsed.refuse(refusal)
    if not can_be_read_as(data, name):
        return parsed.refuse(
            f"This file cannot be read as {LIST_ENCODINGS[name]}: choose another way to read it."
        )
    if is_oversized(data, name):
        return parsed.refuse(OVERSIZED)
    return read_table(partial(_rows, data, name), parsed, wishes)


OVERSIZED = told(
    f"no list: it has over {MOST_LIST_LINES:,} lines, or one of more than {LONGEST_LIST_LINE:,} characters",
    AS_CSV,
)


def first_rows(data: BinaryIO, encoding: str, most: int) -> list[list[str]]:
    """The first rows as they are read in this encoding, headings included."""
    return [row for _, row in islice(_rows(data, encoding, Parsed()), most)]


@contextmanager
def text_of(data: BinaryIO, encoding: str) -> Iterator[io.TextIOWrapper]:
    """`data` from its beginning, to which it is put back."""
    data.seek(0)
    text = io.TextIOWrapper(data, encoding, newline="")
    try:
        yield text
    finally:
        text.detach()
        data.seek(0)


def _rows(data: BinaryIO, encoding: str, parsed: Parsed) -> Generator[Numbered]:
    """Rows with the line they begin on; blank ones are left out, unreadable ones reported."""
    with text_of(data, encoding) as text:
        yield from _separated(LineBlocks(text), parsed)


def _separated(lines: LineBlocks, parsed: Parsed) -> Generator[Numbered]:
    first = list(islice(lines, LINES_LOOKED_AT))
    separator, line = "", 1
    while first and (not first[0].strip("\r\n") or first[0].lower().startswith("sep=")):
        separator = first.pop(0).rstrip("\r\n")[4:5] or separator  # `sep=;`, which Excel writes and heeds
        line += 1
    lines.put_back(first)
    # Strict: else a quote that is never closed swallows all rows after it, silently.
    read = partial(csv.reader, delimiter=separator or separator_of(first), skipinitialspace=True, strict=True)
    while block := lines.block():
        rows = _row_a_line(block, read)
        if rows is None:
            line = yield from _one_by_one(read(chain(block, lines)), len(block), line, parsed)
            continue
        yield from zip(count(line), rows) if all(map(any, rows)) else _filled(rows, line)
        line += len(block)


class _RowReader(Protocol):
    """The csv module's, whose name it does not tell."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...


def _row_a_line(block: list[str], read: Callable[[list[str]], Iterator[list[str]]]) -> list[list[str]] | None:
    """The usual case, without a loop of Python's: each line is a row. None: one is not."""
    try:
        rows = list(read(block))
    except csv.Error:
        return None
    if len(rows) != len(block):  # each takes one line at the least
        return None
    return list(map(restored, rows)) if "'" in "".join(block) else rows


def _filled(rows: Iterable[list[str]], line: int) -> Iterator[Numbered]:
    return ((number, row) for number, row in enumerate(rows, line) if any(row))


def _one_by_one(reader: _RowReader, lines: int, first: int, parsed: Parsed) -> Generator[Numbered, None, int]:
    """The rows that begin within so many lines; returns the line after them. The last may end beyond."""
    line = first
    while reader.line_num < lines:
        try:
            for row in reader:
                if any(row):
                    yield line, restored(row)
                line = first + reader.line_num
                if reader.line_num >= lines:
                    break
            else:
                break
        except csv.Error as trouble:
            message = f"This row cannot be read ({trouble}). Is a quote left open?"
            parsed.problems.note(Problem(line, "", message))
            line = first + reader.line_num
    return line
