"""A message while it comes: kept in memory and, from some size on, in a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import IO

from mailroom.content.whole.fields import LINE_END
from mailroom.front.storage import Storage

END_OF_DATA = LINE_END + b"." + LINE_END

UNDOTTED_AT_ONCE = 1 << 20


class IncomingMessage:
    """What follows DATA. Kept as it came, in large pieces: an object for each of its lines would be
    forty times as much as a message of empty lines.
    """

    def __init__(self, most: int, keeps: int | None = None) -> None:
        """`keeps`: octets of its beginning, where the rest is of no use; None: all."""
        self.size = 0  # of all that came, kept or not
        self._keeps = most if keeps is None else keeps
        self._kept = 0
        self.refusal = ""  # a reply; what comes from then on is thrown away
        self._most = most
        self._stored = Storage()

    @property
    def memory(self) -> int:
        return self._stored.memory

    @property
    def disk(self) -> int:
        return self._stored.disk

    def append(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._most:
            self._refuse("552 5.3.4 Error: Too much mail data")
        piece = piece[: self._keeps - self._kept]
        if self.refusal or not piece:
            return
        self._kept += len(piece)
        try:
            self._stored.append(piece)
        except OSError:
            self._refuse("452 4.3.1 There is no room for this message now, try again")

    def octets(self) -> bytes:
        """The message, without what SMTP puts around it: doubled dots and the last one."""
        return b"".join(self.slices(UNDOTTED_AT_ONCE))

    def slices(self, size: int) -> Iterator[bytes]:
        """The same in pieces of some `size` octets."""
        file = self._stored.file()
        left = self._kept - self._last_dot(file)
        around = len(
            LINE_END
        )  # it begins on the line end of DATA, so that its first line is like every other
        rest = b""
        file.seek(0)
        while left:
            piece = file.read(min(size, left))
            left -= len(piece)
            piece = rest + piece
            rest = LINE_END if piece.endswith(LINE_END) else piece[-1:] if piece.endswith(b"\r") else b""
            whole = piece.removesuffix(rest).replace(LINE_END + b".", LINE_END)
            yield whole[around:]
            around -= min(around, len(whole))
        yield rest[around:]

    def _last_dot(self, file: IO[bytes]) -> int:
        """Octets of its line, if that has come."""
        line = END_OF_DATA.removeprefix(LINE_END)
        file.seek(max(0, self._kept - len(line)))
        return len(line) if file.read(len(line)) == line else 0

    def close(self) -> None:
        self._stored.close()

    def _refuse(self, reply: str) -> None:
        self.refusal = self.refusal or reply
        self._stored.close()


async def pieces(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """All up to the final dot, its line included; the line end of DATA comes first."""
    # A dot alone may follow at once. asyncio has no way to look at what has come and leave it there.
    reader._buffer[:0] = END_OF_DATA[:2]  # type: ignore[attr-defined]
    while True:
        try:
            yield await reader.readuntil(END_OF_DATA)
            return
        except asyncio.LimitOverrunError as more:
            yield await reader.read(more.consumed)
