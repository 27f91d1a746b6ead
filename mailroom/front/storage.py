"""Spooling: bytes that wait for the application or a client, in memory and, from some size on, on disk."""

from __future__ import annotations

import io
import tempfile
from typing import IO

IN_MEMORY = 64 * 1024
BLOCK = 64 * 1024


class Storage:
    """A queue of bytes. `memory` and `disk` are what it occupies."""

    def __init__(self) -> None:
        self._file: IO[bytes] = io.BytesIO()
        self._read = self._written = 0
        self.is_on_disk = False

    @property
    def memory(self) -> int:
        return 0 if self.is_on_disk else self._written

    @property
    def disk(self) -> int:
        return self._written if self.is_on_disk else 0

    @property
    def left(self) -> int:
        return self._written - self._read

    def append(self, data: bytes) -> None:
        """Raises OSError when the disk is full."""
        if not self.is_on_disk and self._written + len(data) > IN_MEMORY:
            self._move()
        self._file.seek(self._written)
        self._file.write(data)
        self._written += len(data)

    def next_block(self) -> bytes:
        self._file.seek(self._read)
        block = self._file.read(BLOCK)
        self._read += len(block)
        if not self.left:
            self._file.seek(0)
            self._file.truncate()
            self._read = self._written = 0
        return block

    def file(self) -> IO[bytes]:
        """All of it, from the beginning, as a file."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        self._file.close()
        self._read = self._written = 0

    def _move(self) -> None:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        file.write(self._file.getvalue())  # type: ignore[attr-defined]
        self._file, self.is_on_disk = file, True
