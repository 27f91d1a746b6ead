"""Message framing: where a request's body ends. Whether it is well formed, gunicorn's reader judges later.

So nothing depends on both seeing the same: what was cut wrongly here is refused there. Behind chunks that are
thrown away unjudged there is no further request.
"""

from __future__ import annotations

LONGEST_CHUNK_LINE = 8190
"""Of a chunk's size and its extensions, or a trailer: gunicorn's own limit."""


class Sized:
    """A body as long as Content-Length says.

    take() removes from a buffer what belongs to the body; then `is_whole` says whether it has ended.
    """

    def __init__(self, length: int) -> None:
        self.length = self._left = length  # as announced
        self.is_whole = length == 0

    def take(self, buffer: bytearray) -> bytes:
        taken = bytes(buffer[: self._left])
        del buffer[: self._left]
        self._left -= len(taken)
        self.is_whole = self._left == 0
        return taken


class Chunked:
    """A body in chunks (RFC 9112, 7.1), taken as it is, sizes and trailers included."""

    def __init__(self) -> None:
        self.is_whole = False
        self.length = 0  # nobody knows
        self._left = 0  # of the present chunk and its CRLF
        self._in_trailers = False

    def take(self, buffer: bytearray) -> bytes:
        end = 0
        while not self.is_whole:
            if self._left:
                step = min(self._left, len(buffer) - end)
                self._left -= step
                end += step
                if self._left:
                    break
            line_end = buffer.find(b"\n", end)
            if (line_end if line_end >= 0 else len(buffer)) - end > LONGEST_CHUNK_LINE:
                self.is_whole = True  # and wrong: it ends too early
            if line_end < 0 or self.is_whole:
                break
            self._read(bytes(buffer[end:line_end]).strip())
            end = line_end + 1
        taken = bytes(buffer[:end])
        del buffer[:end]
        return taken

    def _read(self, line: bytes) -> None:
        if self._in_trailers:
            self.is_whole = not line
            return
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            size = -1
        if size < 0:
            self.is_whole = True  # and wrong, as will be found
        elif size:
            self._left = size + len(b"\r\n")
        else:
            self._in_trailers = True


Framing = Sized | Chunked
