"""A whole message that somebody else made, mailed as it came.

Taking it apart into text, HTML and attachments would lose signatures, calendars and
whatever else programs put into mail. So its octets are kept; only what must not travel
(Bcc) is left out, and what every message must have (Date, Message-ID) is added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime

from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.content import Content
from mailroom.content.downgrade import downgraded
from mailroom.content.fields import Field, Unmailable, joined, split, values, without
from mailroom.content.pasted import parse_pasted

MOST_HOPS = 50
"""Received fields: a message that went through so many servers goes round in a circle."""

ONCE = ("from", "sender", "reply-to", "to", "cc", "message-id", "date", "subject")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+>")
_BREAKS = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Original:
    """`data` is what is mailed; `content` is what pages show of it; `authors` may be checked."""

    data: bytes
    message_id: str
    content: Content
    authors: tuple[Address, ...]
    envelope_sender: str = ""


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Stands where a compiled message stands: the same octets for everybody."""

    data: bytes

    def render(self, address: object, variables: object, message_id: str) -> bytes:
        """Its own Message-ID counts, whatever `message_id` says."""
        return self.data


def read_original(
    given: bytes, *, envelope_sender: str, message_id: str, date: datetime, trace: str
) -> Original:
    """A message as it came over the wire. `message_id` and `date`: for one that has none.

    `trace` becomes its first field, Received. Raises Unmailable.
    """
    fields, body = split(_BREAKS.sub(b"\r\n", given.lstrip(b"\r\n")))
    _check(fields)
    if not values(fields, "message-id"):
        fields.insert(0, Field("message-id", f"Message-ID: {message_id}".encode()))
    if not values(fields, "date"):
        fields.insert(0, Field("date", f"Date: {format_datetime(date)}".encode()))
    if not (body.isascii() or values(fields, "mime-version")):
        fields.append(Field("mime-version", b"MIME-Version: 1.0"))
    fields.insert(0, Field("received", f"Received: {trace}; {format_datetime(date)}".encode()))
    data = downgraded(joined(without(fields, "bcc", "resent-bcc", "return-path"), body))
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    own = _MESSAGE_ID.fullmatch(values(fields, "message-id")[0])
    if own is None:
        raise Unmailable("its Message-ID is not like <left@right>")
    authors = tuple(_authors(fields))
    content = _shown(data, authors[0])
    return Original(data, own[0], content, authors, envelope_sender)


def _check(fields: Sequence[Field]) -> None:
    for name in ONCE:
        if len(values(fields, name)) > 1:
            raise Unmailable(f"it has more than one {name.title()} header")
    if not values(fields, "from"):
        raise Unmailable("it has no From header")
    if len(values(fields, "received")) > MOST_HOPS:
        raise Unmailable(f"it went through more than {MOST_HOPS} servers already: a loop")


def _authors(fields: Sequence[Field]) -> Iterator[Address]:
    """Whose names it is sent in: From, and Sender where there is one."""
    for name in ("from", "sender"):
        for value in values(fields, name):
            header = policy.SMTP.header_factory(name, value)
            mailboxes = getattr(header, "addresses", ())
            if not mailboxes:
                raise Unmailable(f"its {name.title()} header has no address")
            for mailbox in mailboxes:
                yield Address(_read(mailbox.addr_spec, name).address, mailbox.display_name)


def _read(text: str, name: str) -> Address:
    try:
        return parse_address(text)
    except AddressError as refusal:
        raise Unmailable(
            f"its {name.title()} header has an address that cannot be mailed: {refusal}"
        ) from None


def _shown(data: bytes, sender: Address) -> Content:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return Content(
        sender=sender,
        subject=_line(message, "subject"),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        reply_to=_addresses(message, "reply-to"),
        kind="shared",
        to=_addresses(message, "to"),
        cc=_addresses(message, "cc"),
    )


def _line(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError, LookupError):  # the email package gives up in many ways
        return ""


def _body(message: EmailMessage, subtype: str) -> str:
    try:
        part = message.get_body((subtype,))
        text = str(part.get_content()) if part is not None else ""
    except (ValueError, KeyError, AttributeError, LookupError):
        return ""
    # What a database cannot keep.
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _addresses(message: EmailMessage, name: str) -> tuple[Address, ...]:
    """Those that can be read; the message itself says the rest."""
    return tuple(
        Address(found.address, found.name) for found in parse_pasted(_line(message, name)).recipients
    )
