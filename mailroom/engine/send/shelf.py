"""Shelf: what is large of one mailing's message, as sessions send it: a little in memory, the rest on disk.

A worker has several of them at once, for a slow server takes minutes for each.
"""

from __future__ import annotations

import errno
import os
import sys

import structlog

from mailroom.files import (
    NoTemporaryRoom,
    OctetsOnDisk,
    SharedFile,
    free_beside,
    put_on_disk,
    shared_file,
    temporary_room,
)
from mailroom.smtp.envelope import SharedLines

SHELF_IN_MEMORY = 4 << 20
"""Octets of a message that need no file."""

LEFT_FREE = 200 << 20
"""Octets of the disk that are left alone: the ledger may need them."""

log = structlog.get_logger()


class Shelf:
    """Of one message. The file is gone when nobody has a part of it any more."""

    def __init__(self) -> None:
        self._in_memory = 0
        self._most_in_memory = SHELF_IN_MEMORY
        self._file: SharedFile | None = None

    @property
    def is_lost(self) -> bool:
        """Whether something of it could not be read any more: the message is to be made anew."""
        return self._file is not None and self._file.is_lost

    def put(self, lines: bytes) -> SharedLines:
        """Whole lines. Where no file can be written they stay in memory."""
        if self._in_memory + len(lines) > self._most_in_memory:
            try:
                return SharedLines(lines, self._on_disk)
            except NoTemporaryRoom as error:
                log.warning("a large message stays in memory", error=str(error), cause=str(error.__cause__))
                self._most_in_memory = sys.maxsize
        self._in_memory += len(lines)
        return SharedLines(lines)

    def _on_disk(self, octets: bytes) -> OctetsOnDisk:
        if self._file is None:
            self._file = shared_file()
        with temporary_room():
            if free_beside(self._file) < LEFT_FREE + len(octets):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return put_on_disk(self._file, octets)
