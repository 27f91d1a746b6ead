"""Recipients from a workbook (XLSX, XLSM, XLSB, XLS, ODS), which workbook_reader.py reads in its own process.

A few kilobytes of a workbook may ask for more memory than there is, and the library that reads it then ends
its process. It must not be ours.
"""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO

from mailroom.content.recipients.files import workbook_reader
from mailroom.content.recipients.files.file_kind import AS_CSV, told
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.table import Numbered, Wishes, read_table
from mailroom.content.text.formulas import restored
from mailroom.files import NoTemporaryRoom, temporary_file, temporary_room, write_temporary

MOST_MEMORY = 1 << 30
"""Octets. A million rows of three columns take a third of it."""

COPIED_AT_ONCE = 1 << 17

MOST_CPU_SECONDS = 60
MOST_WRITTEN = 1 << 30
READ_WITHIN_SECONDS = 120
WAIT_FOR_TURN_SECONDS = 60

EMPTY_AS_LACKING = 10
"""Empty cells at a row's end that count as one that the row lacks: an honest workbook has many."""

WORKBOOKS_AT_ONCE = 3
"""For one that is read, and those that wait for it: each holds a request."""

_reading = threading.BoundedSemaphore(1)
"""One at a time in each process: so much memory is there."""

_places = threading.BoundedSemaphore(WORKBOOKS_AT_ONCE)

_NO_WORKBOOKS = {
    "zip": told("a ZIP archive", "Unpack it, and choose the list that is in it: a workbook, or CSV."),
    "docx": told("a Word document (DOCX)", AS_CSV),
    "pptx": told("a presentation (PPTX)", AS_CSV),
    "iwork": told("a Numbers or Pages document", "Export it as Excel or CSV, and choose that file."),
    "odf": told("an OpenDocument file that is no spreadsheet", AS_CSV),
    "doc": told("an old Word document (DOC)", AS_CSV),
    "ppt": told("an old presentation (PPT)", AS_CSV),
    "msg": told("a mail of Outlook (MSG)", "Choose the list itself, as a workbook or CSV."),
    "password": told(
        "a workbook with a password",
        "Open it, take the password away (or export it as CSV), and choose that file.",
    ),
    "damaged": told("an Excel workbook or an OpenDocument file that is damaged", AS_CSV),
    "damaged xls": told("an old Excel or Office file (XLS) that is damaged", AS_CSV),
    "empty": told("a workbook without a sheet of cells", "Choose the list itself, as a workbook or CSV."),
    "too large": told(
        "a workbook that is far larger inside than it looks",
        f"Take pictures and unused sheets out of it. Or: {AS_CSV[0].lower()}{AS_CSV[1:]}",
    ),
}
_TOO_MUCH = (
    "This workbook cannot be read: it is damaged, or its cells reach too far. "
    f"Delete rows and columns that look empty. Or: {AS_CSV[0].lower()}{AS_CSV[1:]}"
)
_NO_MEMORY = (
    "This workbook takes more memory than is given to it: its cells reach too far, or it is too long. "
    f"Delete rows and columns that look empty. Or: {AS_CSV[0].lower()}{AS_CSV[1:]}"
)
_KILLED = (
    "The program that reads workbooks was ended from outside, perhaps because this machine's memory is full. "
    f"Try again in a minute. Or: {AS_CSV[0].lower()}{AS_CSV[1:]}"
)
_TOO_LONG = f"This workbook takes too long to read. {AS_CSV}"
_BUSY = "Other workbooks are being read just now. Try again in a minute, or choose the list as CSV."


def is_workbook(data: BinaryIO) -> bool:
    """Whether it begins as one, or as another archive; it is left at its beginning."""
    data.seek(0)
    start = data.read(8)
    data.seek(0)
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06", workbook_reader.OLE))


def parse_workbook(data: BinaryIO, wishes: Wishes) -> Parsed:
    """Every address on the sheet that somebody chose, or on the first that has any. `data` stays open. Raises
    NoTemporaryRoom.
    """
    parsed = Parsed()
    with temporary_file() as source, _target() as target:
        data.seek(0)
        while piece := data.read(COPIED_AT_ONCE):
            write_temporary(source, piece)
        data.seek(0)
        source.seek(0)
        if refusal := _read(source, target, wishes.sheet):
            return parsed.refuse(refusal)
        target.seek(0)
        about: dict[str, Any] = json.loads(target.readline())
        if about["kind"] != "workbook":
            return parsed.refuse(_NO_WORKBOOKS[about["kind"]])
        parsed.sheets, parsed.sheet = about["sheets"], about["sheet"]
        return read_table(partial(_rows, target, target.tell(), about["width"]), parsed, wishes)


def _target() -> IO[bytes]:
    with temporary_room():
        return tempfile.TemporaryFile()


def _read(source: IO[bytes], target: IO[bytes], sheet: str) -> str:
    """Has the rows written to `target`; says why it was not possible. Raises NoTemporaryRoom."""
    if not _places.acquire(blocking=False):
        return _BUSY
    try:
        return _read_in_turn(source, target, sheet)
    finally:
        _places.release()


def _read_in_turn(source: IO[bytes], target: IO[bytes], sheet: str) -> str:
    if not _reading.acquire(timeout=WAIT_FOR_TURN_SECONDS):
        return _BUSY
    try:
        # Without our environment, which holds secrets: nothing that is in the file finds them there.
        program = [
            sys.executable,
            "-I",
            "-B",
            "-X",
            "utf8",
            str(Path(workbook_reader.__file__)),
            sheet.replace("\0", ""),
        ]
        command = [*program, *map(str, (MOST_MEMORY, MOST_CPU_SECONDS, MOST_WRITTEN))]
        ended = subprocess.run(
            command,
            stdin=source,
            stdout=target,
            stderr=subprocess.DEVNULL,
            env={"RUST_BACKTRACE": "0"},
            timeout=READ_WITHIN_SECONDS,
        ).returncode
    except subprocess.TimeoutExpired:
        return _TOO_LONG
    finally:
        _reading.release()
    return _why(ended)


def _why(ended: int) -> str:
    """ "": it read all of it. Raises NoTemporaryRoom."""
    if ended == workbook_reader.NO_ROOM:
        raise NoTemporaryRoom from OSError(errno.ENOSPC, "the rows of a workbook cannot be written")
    if ended == workbook_reader.TOO_LARGE:
        return _NO_WORKBOOKS["too large"]
    if ended in (workbook_reader.NO_MEMORY, -signal.SIGABRT):  # Rust aborts where it gets no memory
        return _NO_MEMORY
    if ended == -signal.SIGXCPU:
        return _TOO_LONG
    if ended in (-signal.SIGKILL, -signal.SIGTERM):
        return _KILLED
    return _TOO_MUCH if ended else ""


def _rows(target: IO[bytes], start: int, width: int, parsed: Parsed) -> Generator[Numbered]:
    target.seek(start)
    for line in target:
        number, cells = json.loads(line)
        empty = width - len(cells)
        parsed.lacking += empty // EMPTY_AS_LACKING
        yield number, restored(cells) + [""] * empty
