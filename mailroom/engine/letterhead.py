"""Letterhead: what the mails of a mailing carry in From and Message-ID, and where their links lead."""

from __future__ import annotations

from typing import Protocol

from mailroom.content.addresses import Address, format_address
from mailroom.content.links.return_tokens import ReturnAddress
from mailroom.content.links.unsubscribe import LinkPlace
from mailroom.content.message.message_ids import IdSeal, is_same_id, message_id
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.settings import Settings


def sender_of(mailing: Mailing) -> str:
    return format_address(Address(mailing.sender_address, mailing.sender_name))


class HasIds(Protocol):
    """What the Message-IDs of a mailing are made of: the mailing itself, or a row that is joined with it."""

    @property
    def uid(self) -> str: ...

    @property
    def sender_address(self) -> str: ...

    @property
    def id_secret(self) -> str | None: ...


def message_id_of(mailing: Mailing, delivery_id: int | None = None) -> str:
    """The Message-ID under which this delivery is sent, however often; of a shared mailing they have one."""
    if mailing.message_id is not None:
        return mailing.message_id
    return made_id(mailing, None if mailing.kind == "shared" else delivery_id)


def made_id(of: HasIds, delivery_id: int | None) -> str:
    """The one that is made here; None: of all deliveries of a shared mailing."""
    return message_id(of.uid, delivery_id, of.sender_address.rpartition("@")[2], id_seal(of.id_secret))


def is_made_id(text: str, of: HasIds, delivery_id: int | None) -> bool:
    return is_same_id(text, made_id(of, delivery_id))


def id_seal(secret: str | None) -> IdSeal | None:
    """None: of a mailing of an older Mailroom, whose Message-IDs are not sealed."""
    return None if secret is None else IdSeal(secret)


def link_place(settings: Settings) -> LinkPlace:
    """Where unsubscribe links lead, and mail comes back."""
    return LinkPlace(settings.unsubscribe_url or settings.public_url, return_address(settings))


def return_address(settings: Settings) -> ReturnAddress | None:
    """What return paths are made of; None: bounces go to the sender, as ever."""
    return ReturnAddress(settings.bounce_address) if settings.bounce_address else None
