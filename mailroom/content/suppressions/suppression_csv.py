"""A list of addresses that must not be mailed, as CSV: Mailroom's own export, or another system's.

It is read twice, once to judge all of it and once to take it: millions are never held at once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO, NamedTuple

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.content import LONGEST_LIST_NAME
from mailroom.content.links.unsubscribe import list_name_of
from mailroom.content.suppressions.suppression_words import (
    LIST_OF_NOBODY,
    WordsUnfit,
    check_words,
    note_of,
)
from mailroom.content.text.formulas import restored

ADDRESS_HEADINGS = ("address", "email", "e-mail", "email address", "recipient")
MOST_SUPPRESSION_PROBLEMS = 100
"""Bad lines that are told of."""

LONGEST_SUPPRESSION_LINE = 100_000
"""Characters: it has five cells that anybody looks at."""


class ListedAddress(NamedTuple):
    """A line. `sender` and `list_name`: "" for all mail."""

    address_key: str
    sender: str
    list_name: str
    reason: str
    note: str


class SuppressionCsv(NamedTuple):
    """`total`: rows. `problems`: (line, what is wrong with it); with any of them nothing is taken."""

    total: int
    problems: list[tuple[int, str]]


def judge_suppression_csv(data: BinaryIO, reasons: tuple[str, ...]) -> SuppressionCsv:
    """With a line of headings (address, and perhaps sender, list, reason, note), or addresses only. `data`: a
    seekable file.
    """
    total, number, problems = 0, 0, list[tuple[int, str]]()
    try:
        with _lines_of(data) as lines:
            for number, cells in _rows(lines):
                try:
                    _row(cells, reasons)
                    total += 1
                except (AddressError, WordsUnfit) as error:
                    problems.append((number, f"{cells['address'][:80]}: {error}"))
                if len(problems) >= MOST_SUPPRESSION_PROBLEMS:
                    break
    except UnicodeDecodeError:
        problems.append((1, "The file is not UTF-8: save it as CSV UTF-8."))
    except csv.Error as error:
        problems.append((number + 1, f"From here on it is no CSV file ({error}). Is a quote left open?"))
    if not total and not problems:
        problems.append((1, "There is no address in it."))
    return SuppressionCsv(total, problems)


def suppressions_in(data: BinaryIO, reasons: tuple[str, ...]) -> Iterator[ListedAddress]:
    """All rows of a file in which nothing is wrong."""
    with _lines_of(data) as lines:
        for _, cells in _rows(lines):
            yield _row(cells, reasons)


@contextmanager
def _lines_of(data: BinaryIO) -> Iterator[Iterable[str]]:
    """Of `data` from its beginning. Raises csv.Error for one that is no line of a list."""
    data.seek(0)
    text = io.TextIOWrapper(data, "utf-8-sig", newline="")

    def lines() -> Iterator[str]:
        while line := text.readline(LONGEST_SUPPRESSION_LINE + 1):
            if len(line) > LONGEST_SUPPRESSION_LINE:
                raise csv.Error(f"a line has more than {LONGEST_SUPPRESSION_LINE:,} characters")
            yield line

    try:
        yield lines()
    finally:
        text.detach()


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Of each line that is not empty its number, and its cells by heading."""
    rest = iter(lines)
    first = next(rest, "")
    delimiter = max(",;\t", key=first.count)
    # Strict: else whom a quote that is never closed swallows would be mailed.
    reader = csv.reader(chain([first], rest), delimiter=delimiter, skipinitialspace=True, strict=True)
    headings: list[str] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if not headings:
            headings = [cell.strip().lower() for cell in cells]
            known = [at for at, heading in enumerate(headings) if heading in ADDRESS_HEADINGS]
            if known:  # another one may be that of a street
                headings = [heading if heading not in ADDRESS_HEADINGS else "" for heading in headings]
                headings[known[0]] = "address"
                continue
            headings = ["address"]
        found = dict(zip(headings, (cell.strip() for cell in restored(cells)), strict=False))
        if found.get("address"):
            yield reader.line_num, found


def _row(cells: dict[str, str], reasons: tuple[str, ...]) -> ListedAddress:
    """Raises AddressError, WordsUnfit."""
    sender = cells.get("sender", "")
    reason = cells.get("reason", "")
    note, list_name = note_of(cells.get("note", "")), list_name_of(cells.get("list", ""))[:LONGEST_LIST_NAME]
    check_words(note, list_name)
    if list_name and not sender:
        raise WordsUnfit(LIST_OF_NOBODY)
    return ListedAddress(
        parse_address(cells["address"]).key,
        parse_address(sender).key if sender else "",
        list_name,
        reason if reason in reasons else "manual",
        note,
    )
