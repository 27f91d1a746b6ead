"""A file of recipients, as commands read it: standard input as well, and never on a guess."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import click

from mailroom.content.recipients.files.csv_encoding import choices
from mailroom.content.recipients.files.list_file import NotAnEncoding, parse_file, reading_of_file
from mailroom.content.recipients.table import Wishes
from mailroom.files import temporary_file, write_temporary

CHOICES_NAMED = 8
"""Ways to read a file, the likely ones first."""

COPIED_FROM_INPUT = 1 << 17
"""Octets at a time."""


class FileUnsure(Exception):
    """Its letters can be read in several ways; `problems` are lines that say which."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__()
        self.problems = problems


@contextmanager
def seekable(data: BinaryIO) -> Iterator[BinaryIO]:
    """The same as a file that can be read twice: standard input is none. Raises NoTemporaryRoom."""
    if data.seekable():
        yield data
        return
    with temporary_file() as copy:
        while octets := data.read(COPIED_FROM_INPUT):
            write_temporary(copy, octets)
        copy.seek(0)
        yield cast(BinaryIO, copy)


def size_of(data: BinaryIO) -> int:
    """Octets; it is left at its beginning."""
    size = data.seek(0, os.SEEK_END)
    data.seek(0)
    return size


def sure_encoding(data: BinaryIO, given: str | None) -> str:
    """The one that was given, or that the file surely has. Raises FileUnsure."""
    try:
        reading = reading_of_file(data, given)
    except NotAnEncoding as known:
        raise click.ClickException(f"--encoding: {given} is not {known}.") from None
    if not reading.is_sure and not parse_file(data, Wishes(encoding=reading.codec)).refusal:
        offered = choices(data)[:CHOICES_NAMED]
        raise FileUnsure(
            [
                "The letters of the file can be read in several ways. Say which is right:",
                *(f"--encoding {choice.codec}: {choice.words}" for choice in offered),
            ]
        )
    return reading.codec
