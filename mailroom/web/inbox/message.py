"""A caught message taken apart for its page: headers, text, HTML, attachments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cached_property

from mailroom.content.header.words import codec, decoded
from mailroom.content.whole.letter import Picture
from mailroom.web.inbox.maildir import UNREADABLE_PARAMETERS

ENVELOPE = ("return-path", "x-envelope-from", "x-envelope-to", "x-mailroom-catcher")
"""What the catcher put on top; the rest is the message."""


@dataclass(frozen=True, slots=True)
class AttachedFile:
    filename: str
    content_type: str
    data: bytes
    content_id: str


class Caught:
    """One message, read with patience: broken parts are shown as far as they go."""

    def __init__(self, message: EmailMessage) -> None:
        self.message = message

    @cached_property
    def envelope(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._pairs if name.lower() in ENVELOPE]

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._pairs if name.lower() not in ENVELOPE]

    @property
    def subject(self) -> str:
        return next((value for name, value in self.headers if name.lower() == "subject"), "")

    @property
    def text(self) -> str | None:
        return self._body("plain")

    @property
    def html(self) -> str | None:
        return self._body("html")

    @cached_property
    def attachments(self) -> list[AttachedFile]:
        """Everything that is neither the text nor the HTML."""
        shown = {id(part) for part in (self._part("plain"), self._part("html"))}
        leaves = [part for part in self.message.walk() if not part.is_multipart() and id(part) not in shown]
        return [
            AttachedFile(
                filename=_filename(part, number),
                content_type=_clean(part.get_content_type()),
                data=_bytes(part),
                content_id=_clean(str(part.get("Content-ID", ""))).strip("<> "),
            )
            for number, part in enumerate(leaves, start=1)
        ]

    @property
    def pictures(self) -> list[Picture]:
        files = (file for file in self.attachments if file.content_id)
        return [Picture(file.content_id, file.content_type, file.data) for file in files]

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        # As they stand, not parsed: the email package stumbles over broken addresses, and
        # takes minutes over a long list of them.
        return [(_clean(name), _clean(decoded(_unfolded(value)))) for name, value in self.message.raw_items()]

    def _part(self, subtype: str) -> EmailMessage | None:
        try:
            found = self.message.get_body((subtype,))
        except (AttributeError, KeyError, ValueError):  # a tree that is none
            return None
        return found if isinstance(found, EmailMessage) else None

    def _body(self, subtype: str) -> str | None:
        part = self._part(subtype)
        return None if part is None else _encodable(_bytes(part).decode(_codec(part), "replace"))


def _codec(part: EmailMessage) -> str:
    """Its charset, if it is one for mail: Python's codecs are more, and some take minutes."""
    try:
        return codec(part.get_content_charset("utf-8")) or "utf-8"
    except UNREADABLE_PARAMETERS:  # a charset within the charset's own name (RFC 2231)
        return "utf-8"


def _filename(part: EmailMessage, number: int) -> str:
    """The name without anything that a file system or a header could stumble over."""
    try:
        given = part.get_filename() or ""
    except UNREADABLE_PARAMETERS:
        given = ""
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", _encodable(given)).strip(". ")
    return name[:150] or f"part-{number}"


def _unfolded(value: object) -> str:
    return re.sub(r"\r?\n[ \t]+", " ", str(value))


def _clean(text: str) -> str:
    """One line for a page, whatever bytes it came from."""
    return re.sub(r"[\x00-\x08\x0a-\x1f\x7f]", "\ufffd", _encodable(text))


def _encodable(text: str) -> str:
    """What UTF-8 can hold of it: the email package hides bytes it could not read in surrogates."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that no byte hides in
        raw = text.encode("utf-8", "replace")
    return raw.decode("utf-8", "replace")


def _bytes(part: EmailMessage) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
