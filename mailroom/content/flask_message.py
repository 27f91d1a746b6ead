"""Flask-Mail's Message as a content and its recipients: how a Flask developer speaks to us.

Flask-Mail checks only some of its fields for line breaks and quietly drops second
addresses. Here every address is read by the parser that everybody's input goes
through, and the content goes through the same `check`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.content import Attachment, Content
from mailroom.content.recipients.parsed import Recipient, each_once

if TYPE_CHECKING:
    import flask_mail

    Given = str | tuple[str, str]


class MessageError(ValueError):
    """A Message that cannot be mailed as it is. `problems` are (field, sentence)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(" ".join(f"{field}: {sentence}" for field, sentence in problems))
        self.problems = problems


def from_flask_mail(message: flask_mail.Message) -> tuple[Content, list[Recipient]]:
    """A shared content and everybody who gets it, each once. Raises MessageError.

    `msgId` and `date` are left aside: the Message-ID must be the same on every try and
    never show this host's name, and Date is the time of acceptance.
    """
    problems: list[tuple[str, str]] = []

    def read(field: str, given: Iterable[Given]) -> tuple[Address, ...]:
        return tuple(a for one in given if (a := _read(field, one, problems)) is not None)

    to, cc, bcc = (read(field, getattr(message, field)) for field in ("recipients", "cc", "bcc"))
    sender = read("sender", [message.sender] if message.sender else [])
    if not message.sender:
        problems.append(("sender", "Say who the mail is from."))
    reply_to = read("reply_to", [message.reply_to] if message.reply_to else [])
    for subtype in message.alts:
        if subtype != "html":
            problems.append(("alts", f"A text/{subtype} alternative is not supported: attach it."))
    if problems:
        raise MessageError(problems)
    content = Content(
        sender=sender[0],
        subject=str(message.subject or ""),
        text=str(message.body or ""),
        html=str(message.html or ""),
        reply_to=reply_to,
        headers=tuple((str(name), str(value)) for name, value in (message.extra_headers or {}).items()),
        attachments=tuple(_attachment(attachment) for attachment in message.attachments),
        kind="shared",
        to=to,
        cc=cc,
    )
    return content, each_once(to=to, cc=cc, bcc=bcc)


def _read(field: str, given: Given, problems: list[tuple[str, str]]) -> Address | None:
    try:
        if isinstance(given, str):
            return parse_address(given)
        name, bare = given
        return Address(parse_address(bare).address, str(name or ""))
    except AddressError as refusal:
        problems.append((field, f"“{given if isinstance(given, str) else given[1]}”: {refusal}"))
        return None


def _attachment(given: flask_mail.Attachment) -> Attachment:
    headers = {name.lower(): value for name, value in given.headers.items()}
    data = given.data.encode("utf-8") if isinstance(given.data, str) else bytes(given.data)
    content_id = headers.get("content-id")
    return Attachment(
        given.filename or "", given.content_type, data, content_id.strip("<>") if content_id else None
    )
