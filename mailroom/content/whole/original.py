"""A whole message that somebody else made, mailed as it came.

Taking it apart into text, HTML and attachments would lose signatures, calendars and
whatever else programs put into mail. So its octets are kept; only what must not travel
(Bcc) is left out, and what every message must have (Date, Message-ID) is added. A message
of 25 MB is in memory once: it comes in pieces, and its header is apart from its body.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from io import BytesIO
from itertools import chain
from tempfile import TemporaryFile
from typing import Protocol

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.header.authors import VERDICTS, disguises, without_foreign_signatures
from mailroom.content.header.mailboxes import readable_mailboxes
from mailroom.content.header.once import each_once
from mailroom.content.header.words import decoded
from mailroom.content.message.body import KeptElsewhere
from mailroom.content.message.headers import clean
from mailroom.content.message.message_ids import message_id
from mailroom.content.whole.downgrade import downgraded, fits
from mailroom.content.whole.fields import (
    LINE_END,
    MOST_HEADER_OCTETS,
    Field,
    Unmailable,
    joined,
    split,
    split_at,
    values,
    without,
)
from mailroom.content.whole.line_ends import ended, with_line_ends, without_first_line_ends
from mailroom.content.whole.mailable import check_fields, check_parts
from mailroom.content.whole.parts import Octets, ParsedPart, declared_charset, part_at, texts
from mailroom.files import temporary_room

NOT_MAILED = ("bcc", "resent-bcc", "return-path", *VERDICTS)
NOT_EMPTY = ("sender", "resent-from", "resent-sender", "author")
"""Left out where nothing stands in them: programs write them for nobody."""

MESSAGE_PIECE = 1 << 17
"""Octets of a message that are looked at together."""

IN_MEMORY_TWICE = 4 << 20
"""Octets of a message that is there as it came and as it leaves at once; a larger one waits in a file."""


class SlicedMessage(Protocol):
    """A message that is not in memory as a whole. `size`: octets, about."""

    @property
    def size(self) -> int: ...

    def slices(self, size: int) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What a program gives: the message, and its envelope (MAIL FROM; RCPT TO, Bcc included)."""

    message: bytes | SlicedMessage
    sender: str
    recipients: Sequence[str]

    @property
    def size(self) -> int:
        """Octets, about."""
        return len(self.message) if isinstance(self.message, bytes) else self.message.size

    def slices(self, size: int) -> Iterator[bytes]:
        """The message, some `size` octets at a time."""
        return _slices(self.message, size)


@dataclass(frozen=True, slots=True)
class Original:
    """`pieces` together are what is mailed; `content` is what pages show of it.

    `authors` are named by From, Sender and their kin; `disguise` says why a reader may take one
    of these fields for somebody else's, where that matters.
    """

    pieces: Sequence[Octets]
    message_id: str
    content: Content
    authors: tuple[Address, ...]
    envelope_sender: str = ""
    disguise: str = ""

    @property
    def size(self) -> int:
        """Octets."""
        return sum(map(len, self.pieces))


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Stands where a compiled message stands: the same octets for everybody."""

    shared: Sequence[bytes | KeptElsewhere]
    """All of it, in pieces of whole lines."""

    @property
    def size(self) -> int:
        return sum(map(len, self.shared))

    def fill(self, *_: object) -> None:
        """There are no tags."""
        return None

    def render(self, *_: object) -> bytes:
        """Its own Message-ID, Date and unsubscribe link count, whatever is given."""
        return b"".join(map(bytes, self.shared))

    def pieces(self, *_: object) -> list[bytes | KeptElsewhere]:
        """Its own Message-ID and Date count, whatever is given."""
        return list(self.shared)


def read_original(
    given: bytes | SlicedMessage,
    *,
    envelope_sender: str,
    uid: str,
    date: datetime,
    trace: str,
    is_bound: bool = False,
) -> Original:
    """A message as it came over the wire. `uid` and `date`: for one without Message-ID or Date.

    `envelope_sender`: "" where nobody was named; From's first author is it then. `trace` becomes
    its first field, Received; "" when it came over no hop. `is_bound`: whoever handed it in may
    speak for some addresses only: signatures of other domains are left out, and disguises looked for.
    Raises Unmailable, and NoTemporaryRoom.
    """
    came = _came(given)
    fields = [
        field for field in without(came.fields, *NOT_MAILED) if field.value or field.name not in NOT_EMPTY
    ]
    came.fields = _completed(each_once(fields), _new_id(uid, envelope_sender, fields), date, trace)
    # Whatever was changed on the way: what is judged is what leaves.
    leaving = came.leaving()
    named = check_fields(leaving.fields)
    check_parts(leaving)
    kept = leaving.fields
    if is_bound:
        kept = without_foreign_signatures(leaving.fields, named[0])
    return Original(
        (joined(kept, b""), leaving.view),
        leaving.first("message-id"),
        _shown(leaving, named[0]),
        named,
        envelope_sender or named[0].address,
        disguises(leaving.fields) if is_bound else "",
    )


class _Message:
    """Its fields; and its body once, behind a line end as in a message."""

    def __init__(self, fields: list[Field], body: bytes) -> None:
        self.fields, self._body = fields, body

    def leaving(self) -> ParsedPart:
        """So that every server takes it; the body is with what this returns. Raises Unmailable, and
        NoTemporaryRoom.
        """
        body, self._body = self._body, b""
        if not (body.isascii() or values(self.fields, "mime-version")):
            self.fields = [*self.fields, Field("mime-version", b"MIME-Version: 1.0")]
        head = joined(self.fields, b"")
        message = ParsedPart(split(head)[0], body, len(LINE_END), len(body))
        if fits(head) and fits(body):
            return message
        with temporary_room(), TemporaryFile() if len(body) > IN_MEMORY_TWICE else BytesIO() as file:
            file.writelines(ended(downgraded(message, declared_charset(message))))
            del message, body
            file.seek(0)
            whole = file.read()
        if not fits(whole):
            raise Unmailable("it has octets above 127 or a line of more than 998 outside of its parts")
        return part_at(whole)


def _came(given: bytes | SlicedMessage) -> _Message:
    """With line ends as CRLF. Raises Unmailable."""
    pieces = _slices(given, MESSAGE_PIECE)
    lines = with_line_ends(without_first_line_ends(pieces), (b"\n",))
    begun = b""
    for piece in lines:
        begun += piece
        if len(begun) > MOST_HEADER_OCTETS + len(LINE_END + LINE_END):
            break
    fields, start = split_at(begun, 0, len(begun))
    body = BytesIO(LINE_END)
    body.seek(len(LINE_END))
    # A bare CR ends a line here. In a header, readers disagree about it, and it was refused.
    body.writelines(ended(with_line_ends(chain((begun[start:],), lines), (b"\r", b"\n"))))
    return _Message(fields, body.getvalue())


def _slices(given: bytes | SlicedMessage, size: int) -> Iterator[bytes]:
    if isinstance(given, bytes):
        return (given[at : at + size] for at in range(0, len(given), size))
    return given.slices(size)


def _new_id(uid: str, envelope_sender: str, fields: Sequence[Field]) -> str:
    author = next(iter(readable_mailboxes(next(iter(values(fields, "from")), ""))), Address(""))
    return message_id(uid, None, Address(envelope_sender).domain or author.domain, None)


def _completed(fields: list[Field], new_id: str, date: datetime, trace: str) -> list[Field]:
    stamp = format_datetime(date)
    made = [Field("received", f"Received: {trace}; {stamp}".encode())] if trace else []
    if not values(fields, "date"):
        made.append(Field("date", f"Date: {stamp}".encode()))
    if not values(fields, "message-id"):
        made.append(Field("message-id", f"Message-ID: {new_id}".encode()))
    return made + fields


def _shown(message: ParsedPart, sender: Address) -> Content:
    reply_to, to, cc = (tuple(readable_mailboxes(message.first(name))) for name in ("reply-to", "to", "cc"))
    text, html = texts(message)
    subject = clean(" ".join(decoded(message.first("subject")).split()))
    return Content(sender, subject, text, html, reply_to, kind="shared", to=to, cc=cc)
