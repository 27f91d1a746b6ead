"""Envelope: what is handed to a session, and its form on the wire."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from mailroom.files import OctetsOnDisk
from mailroom.smtp.failure import Failure, Stage, Withdrawn
from mailroom.smtp.reply import Reply

Outcome = Reply | Failure | Withdrawn


class ReadyLines(bytes):
    """A content whose maker knows it to be ready for the wire: CRLF is all that ends a line, also the last
    one, and no line begins with a dot.
    """

    __slots__ = ()


LINES_READ_AT_ONCE = 256 * 1024
"""Octets, of what is not in memory."""


class SharedLines:
    """Whole lines that many envelopes share, looked through once. Their dots are doubled as they leave: who
    kept both forms would keep a large message twice.

    `put` keeps them, if it is not to be in memory.
    """

    __slots__ = ("_is_ready", "_lines", "is_clean")

    def __init__(self, lines: bytes, put: Callable[[bytes], OctetsOnDisk] | None = None) -> None:
        self.is_clean = has_no_other_break(lines)
        self._is_ready = not (lines.startswith(b".") or b"\r\n." in lines) and lines.endswith(b"\r\n")
        self._lines = put(lines) if put else lines

    def __len__(self) -> int:
        return len(self._lines)

    def __bytes__(self) -> bytes:
        return b"".join(self._slices())

    def stuffed(self) -> Iterator[bytes]:
        """As they go over the wire. Raises OSError when they cannot be read any more."""
        return self._slices() if self._is_ready else _stuffed_slices(self._slices())

    def _slices(self) -> Iterator[bytes]:
        return (
            iter([self._lines]) if isinstance(self._lines, bytes) else self._lines.slices(LINES_READ_AT_ONCE)
        )


def _stuffed_slices(slices: Iterator[bytes]) -> Iterator[bytes]:
    """As `stuffed` would have it; a line's end may be in two of them."""
    before = b"\r\n"
    for some in slices:
        some = before + some
        before = some[-2:]
        yield some.replace(b"\r\n.", b"\r\n..")[2:]
    if before != b"\r\n":
        yield b"\r\n"


class LongContent:
    """A content in pieces, each of whole lines. It takes next to no memory: most of it is shared."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: Sequence[bytes | SharedLines]) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    @property
    def is_clean(self) -> bool:
        return all(map(_is_clean, self.pieces))

    def let_go(self) -> None:
        """Once it has left, or will not: a server may take minutes for its reply. Nothing is in it then."""
        self.pieces = ()

    def stuffed(self) -> Iterator[bytes]:
        """As it goes over the wire, without the final dot."""
        for piece in self.pieces:
            if isinstance(piece, SharedLines):
                yield from piece.stuffed()
            else:
                yield stuffed(piece)


class Envelope(NamedTuple):
    """One message to one recipient. `content`: RFC 5322, CRLF line ends, not dot-stuffed.

    `sender`: whose mail it is, by which refusals are judged. `return_path`: what MAIL FROM says, where that
    is an address of this one mail; "": the sender's.
    """

    sender: str
    recipient: str
    content: bytes | LongContent
    id: int = 0  # the caller's own name for it
    return_path: str = ""

    @property
    def mail_from(self) -> str:
        return self.return_path or self.sender


class Source(Protocol):
    """What Session.run() asks for messages and tells about them.

    Every envelope it gave gets exactly one outcome, in order.
    """

    def next_envelope(self) -> Envelope | None:
        """The next message; None: no more for now, and run() returns."""

    def mark(self, envelope: Envelope) -> Awaitable[bool]:
        """Called after 354; the content leaves only when it has returned True."""

    def outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        """A Reply: accepted. Called before the next mark, with nothing awaited in between
        when the server's replies came together."""


# What may stand between the angle brackets: `>` or a space would let an address speak SMTP.
PATH = re.compile(r'[!-;=?-~]+|"[ -;=?-~]*"@[!-;=?-~]+')


def unsendable(envelope: Envelope, size_limit: int) -> Failure | None:
    """Why this envelope must not get near the wire: it would break the dialogue, or be too large."""
    if not PATH.fullmatch(envelope.recipient):
        return _permanent("rcpt", f"the recipient {envelope.recipient!r} cannot be put into an SMTP command")
    own = envelope.return_path
    if not (_can_be_said(envelope.sender) if not own else PATH.fullmatch(own)):
        return _permanent("mail", f"the sender {envelope.mail_from!r} cannot be put into an SMTP command")
    content = envelope.content
    if type(content) is not ReadyLines and not _is_whole(content):
        return _permanent("data", "the message holds a line break that is not CRLF, so it was not sent")
    if size_limit and len(content) > size_limit:
        return _permanent(
            "mail",
            f"the message is too large: {len(content):,} bytes; the server takes {size_limit:,} at most",
        )
    return None


@lru_cache(maxsize=16)
def _can_be_said(sender: str) -> bool:
    """A mailing has one."""
    return not sender or PATH.fullmatch(sender) is not None


def _permanent(stage: Stage, message: str) -> Failure:
    return Failure(message, stage=stage, kind="permanent")


def _is_whole(content: bytes | LongContent) -> bool:
    return has_no_other_break(content) if isinstance(content, bytes) else content.is_clean


def _is_clean(piece: bytes | SharedLines) -> bool:
    return has_no_other_break(piece) if isinstance(piece, bytes) else piece.is_clean


def has_no_other_break(content: bytes) -> bool:
    """Whether CRLF is all that ends a line."""
    breaks = content.count(b"\r\n")
    return content.count(b"\n") == breaks == content.count(b"\r")


def stuffed(content: bytes) -> bytes:
    """`content` with its dots doubled (RFC 5321, 4.5.2), ready for the final dot."""
    if type(content) is ReadyLines:
        return content
    content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    return content
