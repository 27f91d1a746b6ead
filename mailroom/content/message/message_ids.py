"""Message-IDs: the same for a delivery however often it is sent, and sealed: one tells no other."""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import blake2b
from typing import NamedTuple

LARGEST_DELIVERY_ID = 2**63 - 1

ID_SEAL_OCTETS = 8
"""A guess is right once in 2^64, and has to be mailed. With more, Postmark's metadata had no room for it."""

_OURS = re.compile(r"<([0-9a-f-]{36})(?:\.([1-9][0-9]{0,18})(?:\.[0-9a-f]{16})?)?@[^<>\s]+>", re.ASCII)


def new_id_secret() -> str:
    """What seals the Message-IDs of one mailing."""
    return secrets.token_hex(16)


class IdSeal:
    """Seal of a mailing's Message-IDs (a keyed hash): who has one cannot make that of a neighbour."""

    __slots__ = ("_keyed",)

    def __init__(self, secret: str) -> None:
        self._keyed = blake2b(
            digest_size=ID_SEAL_OCTETS, key=secret.encode("ascii"), person=b"mailroom mail id"
        )

    def of(self, delivery_id: int) -> str:
        keyed = self._keyed.copy()
        keyed.update(b"%d" % delivery_id)
        return keyed.hexdigest()


def message_id(uid: str, delivery_id: int | None, domain: str, seal: IdSeal | None) -> str:
    """The Message-ID of one delivery, or of the whole mailing when it is shared (None).

    Never this host's name, which is nobody's business: the sender's domain. `seal` None: of a mailing of an
    older Mailroom, whose names are not sealed.
    """
    if delivery_id is None:
        return f"<{uid}@{domain}>"
    if seal is None:
        return f"<{uid}.{delivery_id}@{domain}>"
    return f"<{uid}.{delivery_id}.{seal.of(delivery_id)}@{domain}>"


def is_same_id(text: str, made: str) -> bool:
    """Whether a report names what was made here, in any size of letters."""
    given, own = (one.lower().encode("utf-8", "backslashreplace") for one in (text, made))
    return hmac.compare_digest(given, own)


class OwnId(NamedTuple):
    """What a Message-ID of ours says. Nothing of it is true before it is the same as its mail's.
    `delivery_id` None: it is of a shared mailing.
    """

    uid: str
    delivery_id: int | None


def own_name(text: str) -> OwnId | None:
    """The same for what stands before its @."""
    return own_id(f"<{text}@->")


def own_id(text: str) -> OwnId | None:
    """None: it is none that was made here."""
    found = _OURS.fullmatch(text)
    if found is None:
        return None
    delivery_id = int(found[2]) if found[2] else None
    is_too_large = delivery_id is not None and delivery_id > LARGEST_DELIVERY_ID
    return None if is_too_large else OwnId(found[1], delivery_id)
