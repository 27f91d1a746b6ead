"""A whole message that somebody else made, mailed as it came.

Taking it apart into text, HTML and attachments would lose signatures, calendars and
whatever else programs put into mail. So its octets are kept; only what must not travel
(Bcc) is left out, and what every message must have (Date, Message-ID) is added.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mailroom.content.addresses import Address
from mailroom.content.characters import misplaced
from mailroom.content.content import Content
from mailroom.content.downgrade import downgraded, fits
from mailroom.content.fields import Field, Unmailable, joined, split, values, without
from mailroom.content.header.authors import VERDICTS, authors, disguises, without_foreign_signatures
from mailroom.content.header.mailboxes import readable_mailboxes
from mailroom.content.header.once import each_once
from mailroom.content.header.words import decoded
from mailroom.content.headers import clean
from mailroom.content.message_ids import message_id
from mailroom.content.parts import ParsedPart, declared_charset, part_at, texts

MOST_HOPS = 50
"""Received fields: a message that went through so many servers goes round in a circle."""

ONCE = ("from", "sender", "reply-to", "to", "cc", "message-id", "date", "subject")
NOT_MAILED = ("bcc", "resent-bcc", "return-path", *VERDICTS)
NOT_EMPTY = ("sender", "resent-from", "resent-sender", "author")
"""Left out where nothing stands in them: programs write them for nobody."""

SHOWN_FIELDS = ("subject", "from", "sender", "reply-to", "to", "cc", "resent-from", "resent-sender", "author")
"""What readers show in a line."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What a program gives: the message, and its envelope (MAIL FROM; RCPT TO, Bcc included)."""

    message: bytes
    sender: str
    recipients: Sequence[str]


@dataclass(frozen=True, slots=True)
class Original:
    """`data` is what is mailed; `content` is what pages show of it.

    `authors` are named by From, Sender and their kin; `disguise` says why a reader may take one
    of these fields for somebody else's, where that matters.
    """

    data: bytes
    message_id: str
    content: Content
    authors: tuple[Address, ...]
    envelope_sender: str = ""
    disguise: str = ""


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Stands where a compiled message stands: the same octets for everybody."""

    shared: Sequence[bytes]
    """All of it, in pieces of whole lines."""

    @property
    def size(self) -> int:
        return sum(map(len, self.shared))

    def render(self, *_: object) -> bytes:
        """Its own Message-ID, Date and unsubscribe link count, whatever is given."""
        return b"".join(self.shared)

    def pieces(self, *_: object) -> list[bytes]:
        """Its own Message-ID and Date count, whatever is given."""
        return list(self.shared)


def whole_lines_of(octets: Iterable[bytes]) -> list[bytes]:
    """The same octets in other pieces, each of which ends with CRLF, if there is one."""
    lines, rest = [], b""
    for piece in octets:
        whole, line_end, tail = piece.rpartition(b"\r\n")
        if line_end:
            lines.append(b"".join((rest, whole, line_end)))
            rest = tail
        else:
            rest += piece
    return [*lines, rest] if rest else lines


def read_original(
    given: bytes,
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
    Raises Unmailable.
    """
    fields, body = split(_crlf(given.lstrip(b"\r\n")))
    fields = [field for field in without(fields, *NOT_MAILED) if field.value or field.name not in NOT_EMPTY]
    fields = _completed(each_once(fields), _new_id(uid, envelope_sender, fields), date, trace)
    # A bare CR ends a line here. In a header, readers disagree about it, and it was refused.
    wire = _wire(fields, _crlf(_without_bare_cr(body)))
    # Whatever was changed on the way: what is judged is what leaves.
    leaving = part_at(wire)
    named = _check(leaving.fields)
    if is_bound:
        kept = without_foreign_signatures(leaving.fields, named[0])
        wire = joined(kept, leaving.body) if len(kept) < len(leaving.fields) else wire
    return Original(
        wire,
        leaving.first("message-id"),
        _shown(leaving, named[0]),
        named,
        envelope_sender or named[0].address,
        disguises(leaving.fields) if is_bound else "",
    )


def _crlf(octets: bytes) -> bytes:
    """Line ends as CRLF. (A regular expression would keep an object for each line.)"""
    if octets.count(b"\n") == octets.count(b"\r\n"):  # as usual: no copies of a large message
        return octets
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _without_bare_cr(octets: bytes) -> bytes:
    if octets.count(b"\r") == octets.count(b"\r\n"):
        return octets
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _new_id(uid: str, envelope_sender: str, fields: Sequence[Field]) -> str:
    author = next(iter(readable_mailboxes(next(iter(values(fields, "from")), ""))), Address(""))
    return message_id(uid, None, Address(envelope_sender).domain or author.domain)


def _completed(fields: list[Field], new_id: str, date: datetime, trace: str) -> list[Field]:
    stamp = format_datetime(date)
    made = [Field("received", f"Received: {trace}; {stamp}".encode())] if trace else []
    if not values(fields, "date"):
        made.append(Field("date", f"Date: {stamp}".encode()))
    if not values(fields, "message-id"):
        made.append(Field("message-id", f"Message-ID: {new_id}".encode()))
    return made + fields


def _wire(fields: list[Field], body: bytes) -> bytes:
    if not (body.isascii() or values(fields, "mime-version")):
        fields = [*fields, Field("mime-version", b"MIME-Version: 1.0")]
    whole = _ended(joined(fields, body))
    if fits(whole):
        return whole
    message = part_at(whole)
    whole = _ended(downgraded(message, declared_charset(message)))
    if not fits(whole):
        raise Unmailable("it has octets above 127 or a line of more than 998 outside of its parts")
    return whole


def _ended(message: bytes) -> bytes:
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def _shown(message: ParsedPart, sender: Address) -> Content:
    reply_to, to, cc = (tuple(readable_mailboxes(message.first(name))) for name in ("reply-to", "to", "cc"))
    text, html = texts(message)
    subject = clean(" ".join(decoded(message.first("subject")).split()))
    return Content(sender, subject, text, html, reply_to, kind="shared", to=to, cc=cc)


def _misplaced(field: Field) -> str:
    """What nobody sees, or what turns round what stands beside it, in the words of a header."""
    words = [decoded(field.value)]
    if field.name != "subject":  # each name for itself: the next must not end what this one begins
        words += [mailbox.name for mailbox in readable_mailboxes(field.value)]
    # Controls are carried as they came: encoded they break nothing, and old programs send Windows'
    # quotes as Latin-1.
    return next(filter(None, (misplaced(_CONTROLS.sub("", word)) for word in words)), "")


def _check(fields: Sequence[Field]) -> tuple[Address, ...]:
    """Everybody in whose name the message speaks."""
    for name in ONCE:
        if len(values(fields, name)) > 1:
            raise Unmailable(f"it has more than one {name.title()} header")
    for field in fields:
        if field.name in SHOWN_FIELDS and (reason := _misplaced(field)):
            raise Unmailable(f"its {field.shown_name} header {reason}")
    if not values(fields, "from"):
        raise Unmailable("it has no From header")
    if len(values(fields, "received")) > MOST_HOPS + 1:  # and ours
        raise Unmailable(f"it went through more than {MOST_HOPS} servers already: a loop")
    return tuple(authors(fields))
