"""Content: what is mailed, as its author gave it."""

from __future__ import annotations

from dataclasses import dataclass

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
