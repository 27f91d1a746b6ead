"""A range of cells as people paste it from a spreadsheet: its tabs become columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator
from functools import partial

from mailroom.content.recipients.parsed import Parsed, Problem
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.content.recipients.table import Numbered, read_table
from mailroom.content.text.formulas import restored


def parse_typed(text: str) -> Parsed:
    """Every address of what somebody typed or pasted: entries, or rows of cells where tabs are in it."""
    if "\t" not in text or not any("\t" in line.strip() for line in text.splitlines()):
        return parse_pasted(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return read_table(partial(_rows, text, _has_quotes(text)), Parsed())


def _has_quotes(text: str) -> bool:
    """Some spreadsheets put them around cells of several lines, and some never do."""
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), "excel-tab", strict=True):
            pass
    except csv.Error:
        return False
    return True


def _rows(text: str, has_quotes: bool, parsed: Parsed) -> Generator[Numbered]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        "excel-tab",
        quoting=csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE,
    )
    line = 1
    while True:
        try:
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield line, restored(row)
                line = reader.line_num + 1
            return
        except csv.Error as trouble:
            parsed.problems.note(Problem(line, "", f"This row cannot be read ({trouble})."))
            line = reader.line_num + 1
