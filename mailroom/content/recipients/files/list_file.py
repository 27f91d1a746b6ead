"""Recipients from a file, whatever it is: a workbook, CSV, an address book."""

from __future__ import annotations

from typing import BinaryIO

from mailroom.content.recipients.files.csv_encoding import (
    LIST_ENCODINGS,
    Reading,
    encoding_named,
    reading_of,
)
from mailroom.content.recipients.files.csv_file import parse_csv
from mailroom.content.recipients.files.file_kind import is_vcard
from mailroom.content.recipients.files.vcard import parse_vcard
from mailroom.content.recipients.files.workbook import is_workbook, parse_workbook
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.table import AS_IT_IS, Wishes


class NotAnEncoding(ValueError):
    """No file is read in it; says in which it would be."""


def reading_of_file(data: BinaryIO, given: str | None = None) -> Reading:
    """Sniffing: a file is read in the encoding that was given, or as it has it; a workbook says so itself.
    What is not sure somebody has to look at. Raises NotAnEncoding.
    """
    if is_workbook(data):
        return Reading("utf-8-sig", is_sure=True)
    if given is None:
        return reading_of(data)
    if known := encoding_named(given):
        return Reading(known, is_sure=True)
    raise NotAnEncoding(f"one of {', '.join(LIST_ENCODINGS)}")


def parse_file(data: BinaryIO, wishes: Wishes = AS_IT_IS) -> Parsed:
    """Every address in a seekable file, each once; what is something else says what it is. It stays open."""
    if is_workbook(data):
        return parse_workbook(data, wishes)
    encoding = wishes.encoding or reading_of(data).codec
    if is_vcard(data, encoding):
        return parse_vcard(data, encoding, wishes)
    return parse_csv(data, encoding, wishes)
