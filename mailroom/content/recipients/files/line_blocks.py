"""Lines of a text file, a block of them at a time: to ask for each by itself takes a call of Python's."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TextIO

BLOCK_READ = 64 * 1024
"""Characters."""


class LineBlocks(Iterator[str]):
    """Lines with their line ends, whichever they are (the file is open with newline=""); also one by one."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._begun: Iterator[str] = iter(())
        self._cut = ""  # of the last line that was read, or all of it: its line end may be half of one

    def __next__(self) -> str:
        for line in self._begun:
            return line
        self._begun = iter(self._read())
        return next(self._begun)

    def block(self) -> list[str]:
        """What is left of a block that was begun, else the next one; empty at the end."""
        return list(self._begun) or self._read()

    def put_back(self, lines: Sequence[str]) -> None:
        self._begun = chain(lines, self._begun)

    def _read(self) -> list[str]:
        while read := self._text.read(BLOCK_READ):
            lines = io.StringIO(self._cut + read, newline="").readlines()
            self._cut = lines.pop()
            if lines:
                return lines
        last, self._cut = self._cut, ""
        return [last] if last else []
