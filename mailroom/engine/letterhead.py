"""Letterhead: what the mails of a mailing carry in From and Message-ID, and where their links lead."""

from __future__ import annotations

from mailroom.content.addresses import Address, format_address
from mailroom.content.message_ids import message_id
from mailroom.content.return_tokens import ReturnAddress
from mailroom.content.unsubscribe import LinkPlace
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.settings import Settings


def sender_of(mailing: Mailing) -> str:
    return format_address(Address(mailing.sender_address, mailing.sender_name))


def message_id_of(mailing: Mailing, delivery_id: int | None = None) -> str:
    """The Message-ID under which this delivery is sent, however often; of a shared mailing they have one."""
    if mailing.message_id is not None:
        return mailing.message_id
    own = None if mailing.kind == "shared" else delivery_id
    return message_id(mailing.uid, own, mailing.sender_address.rpartition("@")[2])


def link_place(settings: Settings) -> LinkPlace:
    """Where unsubscribe links lead, and mail comes back."""
    return LinkPlace(settings.unsubscribe_url or settings.public_url, return_address(settings))


def return_address(settings: Settings) -> ReturnAddress | None:
    """What return paths are made of; None: bounces go to the sender, as ever."""
    return ReturnAddress(settings.bounce_address) if settings.bounce_address else None
