"""Shelf: what is large of one mailing's message, as sessions send it: a little in memory, the rest on disk.

A worker has several of them at once, for a slow server takes minutes for each.
"""

from __future__ import annotations

from typing import IO

import structlog

from mailroom.files import NoTemporaryRoom, OctetsOnDisk, put_on_disk, temporary_file
from mailroom.smtp.envelope import SharedLines

SHELF_IN_MEMORY = 4 << 20
"""Octets of a message that need no file."""

log = structlog.get_logger()


class Shelf:
    """Of one message. The file is gone when nobody has a part of it any more."""

    def __init__(self) -> None:
        self._in_memory = 0
        self._file: IO[bytes] | None = None

    def put(self, lines: bytes) -> SharedLines:
        """Whole lines. Where no file can be written they stay in memory."""
        if self._in_memory + len(lines) > SHELF_IN_MEMORY:
            try:
                return SharedLines(lines, self._on_disk)
            except NoTemporaryRoom as error:
                log.warning("a large message stays in memory", error=str(error), cause=str(error.__cause__))
        self._in_memory += len(lines)
        return SharedLines(lines)

    def _on_disk(self, octets: bytes) -> OctetsOnDisk:
        if self._file is None:
            self._file = temporary_file()
        return put_on_disk(self._file, octets)
