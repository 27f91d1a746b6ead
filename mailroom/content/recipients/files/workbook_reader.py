"""A program of its own that reads one workbook: standard input is the file, standard output its rows.

First a line that says what it is, then a line for each row: JSON, `[number, [cell, ...]]`. Whatever is in the
file, it harms this process at most: its memory, its time and what it writes are bounded, and it knows nothing
of whoever began it.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

MOST_INFLATED = 1 << 30
"""Octets of all files in a workbook: those of a million rows have half of it."""

MOST_WORKBOOK_PARTS = 5_000
"""Files in a workbook: sheets, styles, pictures."""

MOST_FILLED = 100_000_000
"""Characters, in all, that merged cells have in rows below their first."""

NO_ROOM, NO_MEMORY, TOO_LARGE = 3, 4, 5
"""How it ends when its rows find no room on the disk, it gets no memory, or there is too much to write."""

NO_ROOM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)

CELL_SHOWN = 32_767
"""Characters: no spreadsheet holds more in a cell."""

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

OTHER_ZIPS = {
    "word/document": "docx",
    "ppt/presentation": "pptx",
    "Index/": "iwork",
    "content.xml": "odf",
}
OTHER_OLES = {"WordDocument": "doc", "PowerPoint Document": "ppt", "__substg1.0_": "msg"}

# From each @, not from each letter of a long word before one.
_ADDRESS = re.compile(r"(?<=[^\s@<>,;])@[^\s@<>,;]+\.\w").search
_LONG_TIME = re.compile(r"P(?:0+D)?T(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S").fullmatch


def main() -> None:
    """Its arguments: the name of the sheet that somebody chose, or nothing; and what it may take of what."""
    bound(*map(int, sys.argv[2:]))
    data = sys.stdin.buffer.read()
    kind = kind_of(data)
    if kind != "workbook":
        tell(kind=kind)
        return
    import python_calamine

    try:
        read(python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)), sys.argv[1])
    except python_calamine.PasswordError:
        tell(kind="password")
    except python_calamine.CalamineError:
        tell(kind="damaged xls" if data.startswith(OLE) else "damaged")


def how_it_ended() -> int:
    """Runs `main`: 0, or why its rows are not all there."""
    try:
        main()
        sys.stdout.flush()
    except MemoryError:
        return NO_MEMORY
    except OSError as error:
        if error.errno == errno.EFBIG:
            return TOO_LARGE
        if error.errno in NO_ROOM_ERRORS:
            return NO_ROOM
        raise
    return 0


def bound(memory: int, cpu_seconds: int, written: int) -> None:
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # At the hard limit of its time it is killed without a word, at the other by a signal that says why.
        later = most + 1 if limit == resource.RLIMIT_CPU else most
        resource.setrlimit(limit, (most, later if hard == resource.RLIM_INFINITY else min(later, hard)))


def tell(**about: object) -> None:
    """The first line."""
    sys.stdout.write(json.dumps(about) + "\n")


def kind_of(data: bytes) -> str:
    """`workbook`, or what else it is; `damaged` when it is one that cannot be opened."""
    if data.startswith(OLE):
        return _kind_of_ole(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            kind = _kind_of_zip(archive, [part.filename for part in parts])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError):
        return "damaged" if b"xl/workbook" in data or b"opendocument" in data else "zip"
    if kind == "workbook" and (
        len(parts) > MOST_WORKBOOK_PARTS or sum(part.file_size for part in parts) > MOST_INFLATED
    ):
        return "too large"
    return kind


def _kind_of_ole(data: bytes) -> str:
    if _wide("EncryptedPackage") in data:
        return "password"
    return next((kind for name, kind in OTHER_OLES.items() if _wide(name) in data), "workbook")


def _wide(name: str) -> bytes:
    return name.encode("utf-16-le")


def _kind_of_zip(archive: zipfile.ZipFile, names: list[str]) -> str:
    if any(name.startswith("xl/workbook") for name in names):
        return "workbook"
    if {"content.xml", "mimetype"} <= set(names):
        with archive.open("mimetype") as mimetype:
            is_spreadsheet = b"spreadsheet" in mimetype.read(200)
        if is_spreadsheet:
            return "password" if _is_sealed(archive) else "workbook"
    for beginning, kind in OTHER_ZIPS.items():
        if any(name.startswith(beginning) for name in names):
            return kind
    return "zip"


def _is_sealed(archive: zipfile.ZipFile) -> bool:
    """Whether an OpenDocument file is encrypted: its manifest says so."""
    try:
        with archive.open("META-INF/manifest.xml") as manifest:
            return b"encryption-data" in manifest.read(1 << 20)
    except KeyError:
        return False


def read(workbook: Any, chosen: str) -> None:
    """The sheet that was chosen, or the first in which an address stands."""
    sheets = [
        sheet.name
        for sheet in workbook.sheets_metadata
        if str(sheet.typ).endswith("WorkSheet")
        and (str(sheet.visible).endswith(".Visible") or sheet.name == chosen)
    ]
    if not sheets:
        tell(kind="empty")
        return
    sheet = _find(workbook, [chosen] if chosen in sheets else sheets)
    width = max((len(cells) for _, cells in _rows(sheet)), default=0)
    tell(kind="workbook", sheets=sheets, sheet=sheet.name, width=width)
    for number, cells in _rows(sheet):
        sys.stdout.write(json.dumps((number, cells), ensure_ascii=False, separators=(",", ":")) + "\n")


def _find(workbook: Any, names: list[str]) -> Any:
    best = None
    for name in names:
        sheet = workbook.get_sheet_by_name(name)
        if len(names) == 1 or _holds_address(sheet):
            return sheet
        best = sheet if best is None or not best.height else best
    return best


def _holds_address(sheet: Any) -> bool:
    cells = chain.from_iterable(sheet.iter_rows())
    return any(isinstance(cell, str) and "@" in cell and _ADDRESS(cell) for cell in cells)


def _rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Those that are not empty, with their number, and without the empty cells at their end."""
    merged = _Merged(sheet)
    for number, row in enumerate(sheet.iter_rows()):
        cells = [_text_of(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield number + 1, merged.filled(number, cells)


class _Merged:
    """Cells that are merged downwards: each row of them has the value, as it looks."""

    def __init__(self, sheet: Any) -> None:
        left = (sheet.start or (0, 0))[1]
        self._coming = sorted(
            (top, place - left, bottom)
            for (top, place), (bottom, _) in sheet.merged_cell_ranges or ()
            if bottom > top and place >= left
        )[::-1]
        self._values: dict[int, tuple[int, str]] = {}
        self._filled = 0

    def filled(self, number: int, cells: list[str]) -> list[str]:
        """Numbers are given in their order, those of empty rows left out."""
        while self._coming and self._coming[-1][0] <= number:
            top, place, bottom = self._coming.pop()
            if top == number and place < len(cells):
                self._values[place] = (bottom, cells[place])
        for place, (bottom, value) in list(self._values.items()):
            if number > bottom:
                del self._values[place]
                continue
            cells += [""] * (place + 1 - len(cells))
            if not cells[place]:
                cells[place] = value
                self._filled += len(value)
        if self._filled > MOST_FILLED:
            raise OSError(errno.EFBIG, "merged cells hold too much")
        return cells


def _text_of(value: Any) -> str:
    """As it is written: 42, 7.5, 2026-12-31, true."""
    if isinstance(value, str):
        long = _LONG_TIME(value) if value.startswith("P") else None
        return ":".join(long.groups()) if long else value.replace("\0", "")[:CELL_SHOWN]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # Fifteen digits, as spreadsheets show them: 0.3, not 0.30000000000000004.
        return format(Decimal(format(value, ".15g")), "f")
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").removesuffix("T00:00:00")
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, time):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else str(value)


if __name__ == "__main__":
    os._exit(how_it_ended())  # what is in a buffer still finds no room either, and would say something else
