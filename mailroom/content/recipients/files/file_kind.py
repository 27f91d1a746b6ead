"""Files that are no lists, told by their first octets: each is named, with what to do about it."""

from __future__ import annotations

import re
from typing import BinaryIO

AS_CSV = "Open it in its program, save or export it as CSV (UTF-8), and choose that file."

_BEGINNINGS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file", AS_CSV),
    (b"PK\x03\x04", "a ZIP archive", AS_CSV),
    (b"%PDF", "a PDF", "Export the list as CSV from where the PDF was made."),
    (b"{\\rtf", "a text document (RTF)", AS_CSV),
    (b"SQLite format 3\0", "a database", "Export the table as CSV, and choose that file."),
    (b"\x89PNG", "a picture", "Choose the list itself, as CSV."),
    (b"\xff\xd8\xff", "a picture", "Choose the list itself, as CSV."),
    (b"GIF8", "a picture", "Choose the list itself, as CSV."),
    *(
        (mark, "a compressed archive", "Unpack it, and choose the CSV file that is in it.")
        for mark in (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
    ),
)

_TEXTS = (
    (re.compile(rb"<!doctype html|<html|<table|<\?xml|<workbook", re.I), "a web page or XML", AS_CSV),
    (re.compile(rb"From:? |Return-Path:|Received:"), "a mail", "Choose the list itself, as CSV."),
)

_HEAD = 8 << 10
_CONTROLS = bytes({*range(0x20)} - {*b"\t\n\r\f\x1a\x1b"})
MOST_CONTROLS, FEW_CONTROLS = 0.03, 3
"""Of a text's first octets: a list may hold a few by mistake, and a binary file has a tenth of them."""


def no_list(data: BinaryIO, *, is_wide: bool = False) -> str:
    """What `data` is instead of a list, and what to do, in two sentences; "" when it may be one.

    `is_wide`: its text is in UTF-16 or UTF-32, where octets of 0 belong to letters. It is left at its
    beginning.
    """
    data.seek(0)
    head = data.read(_HEAD)
    data.seek(0)
    for mark, kind, advice in _BEGINNINGS:
        if head.startswith(mark):
            return told(kind, advice)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, kind, advice in _TEXTS:
        if pattern.match(text):
            return told(kind, advice)
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if not is_wide and controls > max(MOST_CONTROLS * len(head), FEW_CONTROLS):
        return told("no text, but a binary file", "Choose the list itself, saved or exported as CSV.")
    return ""


def is_vcard(data: BinaryIO, encoding: str) -> bool:
    """Whether it is an address book; it is left at its beginning."""
    data.seek(0)
    head = data.read(_HEAD).decode(encoding, "replace")
    data.seek(0)
    return head.lstrip("\ufeff \t\r\n").upper().startswith("BEGIN:VCARD")


def told(kind: str, advice: str) -> str:
    """The two sentences."""
    return f"This file is {kind}. {advice}"
