"""Content: what is mailed, as its author gave it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mailroom.content.addresses import Address

BULK_PURPOSE, TRANSACTIONAL = "bulk", "transactional"
"""Purposes: newsletters and invitations to many; what somebody waits for, as a receipt."""

LONGEST_LIST_NAME = 60

LONGEST_SUBJECT = 2_000
"""Characters, also of what merge tags make of it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file. With a `content_id` it is shown inside the HTML that names it (`cid:...`)."""

    filename: str
    content_type: str
    data: bytes
    content_id: str | None = None

    @property
    def size(self) -> int:
        """Octets."""
        return len(self.data)

    def slices(self, size: int) -> Iterator[bytes]:
        """What is in it, `size` octets at a time."""
        return (self.data[at : at + size] for at in range(0, len(self.data), size))


@dataclass(frozen=True, slots=True)
class DistantAttachment(Attachment):
    """One that is elsewhere: `data` is empty, and `read(size)` gives what is in it, a slice at a time."""

    length: int = field(kw_only=True)
    read: Callable[[int], Iterator[bytes]] = field(kw_only=True)

    @property
    def size(self) -> int:
        return self.length

    def slices(self, size: int) -> Iterator[bytes]:
        return self.read(size)


@dataclass(frozen=True, slots=True)
class Content:
    """One mailing's content.

    `individual`: each recipient is alone in To, and subject, text and html may hold
    merge tags. `shared`: all get the same message, which shows `to` and `cc`.
    `list_name`, of bulk mail: what an unsubscription is narrowed to.
    """

    sender: Address
    subject: str
    text: str = ""
    html: str = ""
    reply_to: tuple[Address, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()
    kind: str = "individual"
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    purpose: str = TRANSACTIONAL
    list_name: str = ""

    @property
    def is_bulk(self) -> bool:
        """Whether it carries unsubscribe links."""
        return self.purpose == BULK_PURPOSE

    @property
    def is_personal(self) -> bool:
        """Whether merge tags mean anything in it."""
        return self.kind == "individual"
