"""Collecting a request: where its head ends, and how much is kept of its body."""

from __future__ import annotations

import re

from mailroom.front.framing import Framing
from mailroom.front.storage import Storage

BARE_LF = re.compile(rb"(?<!\r)\n")
END_OF_HEAD = b"\r\n\r\n"


class RequestRefused(Exception):
    """The front itself answers, and closes: status, reason."""


class CollectedHead:
    """The heads of a connection's requests, one after the other. `largest`: octets of one."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._seen = 0  # of what came, looked through for the end

    def take(self, came: bytearray) -> bytes | None:
        """Removes a whole head from the buffer, or one that gunicorn will refuse; None: more has to come.

        Raises RequestRefused.
        """
        if came.startswith(b"\r\n"):
            del came[:2]
        end = came.find(END_OF_HEAD, max(0, self._seen - 3))
        bare = BARE_LF.search(came, max(0, self._seen - 1), end if end >= 0 else len(came))
        if end > self._largest or (end < 0 and len(came) > self._largest):
            raise RequestRefused(431, "Request Header Fields Too Large")
        if end < 0 and not bare:
            self._seen = len(came)
            return None
        size = end + len(END_OF_HEAD) if end >= 0 else len(came)
        head = bytes(came[:size])
        del came[:size]
        self._seen = 0
        return head


class CollectedBody:
    """The body of one request, as long as it may be: of a larger one nothing is kept."""

    def __init__(self, framing: Framing, largest: int) -> None:
        self._framing = framing
        self.largest = largest
        self.storage = Storage()
        self.length = 0  # so far
        self.is_asked = False  # whether this client may send so much
        self.is_skipped = False

    @property
    def is_whole(self) -> bool:
        return self._framing.is_whole

    @property
    def is_too_large(self) -> bool:
        """As announced, or as it came."""
        return max(self.length, self._framing.length) > self.largest

    def take(self, came: bytearray) -> None:
        """Removes from the buffer what belongs to it. Raises OSError when the disk is full."""
        taken = self._framing.take(came)
        self.length += len(taken)
        if not self.is_skipped:
            self.storage.append(taken)

    def skip(self) -> None:
        """What came is thrown away, and so is what comes."""
        self.is_skipped = True
        self.storage.close()
        self.storage = Storage()
