"""A list of addresses that must not be mailed, as CSV: Mailroom's own export, or another system's."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.formulas import restored
from mailroom.content.unsubscribe import list_name_of

ADDRESS_HEADINGS = ("address", "email", "e-mail", "email address", "recipient")
MOST_SUPPRESSION_PROBLEMS = 100
"""Bad lines that are told of."""


class ListedAddress(NamedTuple):
    """A line. `sender` and `list_name`: "" for all mail."""

    address_key: str
    sender: str
    list_name: str
    reason: str
    note: str


class SuppressionCsv(NamedTuple):
    """`problems`: (line, what is wrong with it); with any of them nothing is taken."""

    rows: list[ListedAddress]
    problems: list[tuple[int, str]]


def read_suppression_csv(data: bytes, reasons: tuple[str, ...]) -> SuppressionCsv:
    """With a line of headings (address, and perhaps sender, list, reason, note), or addresses only."""
    rows: list[ListedAddress] = []
    problems: list[tuple[int, str]] = []
    try:
        text = data.decode("utf-8-sig")
        for number, cells in _lines(text):
            try:
                rows.append(_row(cells, reasons))
            except AddressError as error:
                problems.append((number, f"{cells['address'][:80]}: {error}"))
            if len(problems) >= MOST_SUPPRESSION_PROBLEMS:
                break
    except UnicodeDecodeError:
        problems.append((1, "The file is not UTF-8: save it as CSV UTF-8."))
    except csv.Error as error:
        problems.append((1, f"This is no CSV file ({error})."))
    if not rows and not problems:
        problems.append((1, "There is no address in it."))
    return SuppressionCsv(rows, problems)


def _lines(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Of each line that is not empty its number, and its cells by heading."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    headings: list[str] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if not headings:
            headings = [cell.strip().lower() for cell in cells]
            known = [at for at, heading in enumerate(headings) if heading in ADDRESS_HEADINGS]
            if known:
                headings[known[0]] = "address"
                continue
            headings = ["address"]
        found = dict(zip(headings, (cell.strip() for cell in restored(cells)), strict=False))
        if found.get("address"):
            yield reader.line_num, found


def _row(cells: dict[str, str], reasons: tuple[str, ...]) -> ListedAddress:
    """Raises AddressError."""
    sender = cells.get("sender", "")
    reason = cells.get("reason", "")
    return ListedAddress(
        parse_address(cells["address"]).key,
        parse_address(sender).key if sender else "",
        list_name_of(cells.get("list", ""))[:60] if sender else "",
        reason if reason in reasons else "manual",
        cells.get("note", "")[:500],
    )
