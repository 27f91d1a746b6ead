"""From the ledger's content to what goes over the wire: compiled once per mailing."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import Connection

from mailroom.content.addresses import Address, parse_address
from mailroom.content.message import Attachment, Compiled, Content, compile_message, message_id
from mailroom.content.original import Verbatim
from mailroom.database import Database
from mailroom.ledger import mailings, originals
from mailroom.ledger.batches import Waiting

KEPT = 16
"""Compiled mailings that a worker remembers; one with a large attachment is some megabytes."""


@dataclass(frozen=True, slots=True)
class Message:
    """One mailing's message, to be rendered for each of its deliveries."""

    sender: str
    domain: str  # the sender's
    uid: str
    is_shared: bool
    if_unknown: str
    expires_at_ms: int
    compiled: Compiled | Verbatim

    def render(self, delivery: Waiting) -> bytes:
        """Raises MergeError when this recipient's variables do not fit."""
        name = message_id(self.uid, None if self.is_shared else delivery.id, self.domain)
        return self.compiled.render(delivery, delivery.variables, name)


class Messages:
    """The compiled messages of the mailings that were delivered last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Message] = OrderedDict()

    def of(self, database: Database, mailing_ids: set[int]) -> dict[int, Message]:
        """The message of each of these mailings; all must exist."""
        if unknown := mailing_ids - self._kept.keys():
            with database.read() as connection:
                for mailing_id in unknown:
                    self._kept[mailing_id] = _compiled(connection, mailing_id)
        found = {mailing_id: self._kept[mailing_id] for mailing_id in mailing_ids}
        for mailing_id in mailing_ids:
            self._kept.move_to_end(mailing_id)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found


def _compiled(connection: Connection, mailing_id: int) -> Message:
    mailing = mailings.get_uncounted(connection, mailing_id)
    assert mailing is not None, f"mailing {mailing_id} has deliveries and is not there"
    sender, compiled = _whole(connection, mailing)
    return Message(
        sender=sender,
        domain=sender.rpartition("@")[2],
        uid=mailing.uid,
        is_shared=mailing.kind == "shared",
        if_unknown=mailing.if_unknown,
        expires_at_ms=round(mailing.expires_at.timestamp() * 1000),
        compiled=compiled,
    )


def _whole(connection: Connection, mailing: mailings.Mailing) -> tuple[str, Compiled | Verbatim]:
    """The envelope's sender, and what is sent."""
    if mailing.message_id is not None:
        sender, data = originals.of(connection, mailing.id)
        return sender, Verbatim(data)
    content = content_of(connection, mailing)
    return mailing.sender_address, compile_message(content, mailing.uid, mailing.created_at)


def content_of(connection: Connection, mailing: mailings.Mailing) -> Content:
    """A mailing's content as it was given: to be compiled, or to be copied."""
    stored = mailings.content_of(connection, mailing.id)
    assert stored is not None, f"mailing {mailing.id} has no content"
    shown = mailings.shown_addresses(connection, mailing.id) if mailing.kind == "shared" else []
    return Content(
        sender=Address(mailing.sender_address, mailing.sender_name),
        subject=mailing.subject,
        text=stored.text,
        html=stored.html,
        reply_to=tuple(parse_address(address) for address in stored.reply_to),
        headers=tuple(stored.headers),
        attachments=tuple(
            Attachment(row.filename, row.content_type, row.data, row.content_id)
            for row in mailings.attachments_of(connection, mailing.id)
        ),
        kind=mailing.kind,
        to=tuple(Address(row.address, row.name) for row in shown if row.role == "to"),
        cc=tuple(Address(row.address, row.name) for row in shown if row.role == "cc"),
    )
