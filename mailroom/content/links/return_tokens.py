"""Return tokens (VERP, the author's own): which delivery a mail comes back from, sealed into the local part.

Letters and digits only, none of them large: local parts are lowercased on their way. A token is no longer
than 33 characters (of a delivery below 2^40), so that one of 30 stands before it (RFC 5321, 4.5.3.1.1).
"""

from __future__ import annotations

import hmac
import re
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple, Protocol

RETURN_SEAL_OCTETS = 10
"""A guess is right once in 2^80, and has to be mailed."""

LONGEST_RETURN_TOKEN = 39
LARGEST_SEALED_ID = 2**63 - 1

_TOKEN = re.compile(r"([bu])([0-9a-f]{20})([0-9a-f]{2})([1-9a-f][0-9a-f]{0,15})", re.ASCII)
_IN_ADDRESS = re.compile(r"\+([bu][0-9a-f]{23,38})(?=@)", re.ASCII | re.IGNORECASE)


class ReturnPurpose(StrEnum):
    """What mail to an address means. One's seal is never the other's."""

    BOUNCE = "b"
    UNSUBSCRIBE = "u"


class ReturnParts(NamedTuple):
    """What a token says. Nothing of it is true before `is_sealed`."""

    purpose: ReturnPurpose
    key_number: int
    delivery_id: int
    seal: bytes


class ReturnKey:
    """One key of the ledger's ring; `number`: 1 to 255."""

    __slots__ = ("_keyed", "_number", "number")

    def __init__(self, number: int, secret: bytes) -> None:
        self.number = number
        self._number = f"{number:02x}"
        self._keyed = blake2b(
            bytes([number]), digest_size=RETURN_SEAL_OCTETS, key=secret, person=b"mailroom return"
        )

    def seal(self, purpose: ReturnPurpose, delivery_id: int, address_key: str) -> str:
        """`address_key`: the recipient in lower case, so that a number that is given anew (by a ledger that
        was restored) never means somebody else.
        """
        sealed = self._seal_of(purpose, delivery_id, address_key)
        return f"{purpose.value}{sealed.hex()}{self._number}{delivery_id:x}"

    def is_sealed(self, parts: ReturnParts, purpose: ReturnPurpose, address_key: str) -> bool:
        """Whether this key sealed them, for this purpose and of this address."""
        if parts.key_number != self.number or parts.purpose is not purpose:
            return False
        return hmac.compare_digest(parts.seal, self._seal_of(purpose, parts.delivery_id, address_key))

    def _seal_of(self, purpose: ReturnPurpose, delivery_id: int, address_key: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(f"{purpose.value}{delivery_id}\0{address_key}".encode())
        return keyed.digest()


class Returning(Protocol):
    """A ReturnKey, or what stands for one."""

    def seal(self, purpose: ReturnPurpose, delivery_id: int, address_key: str) -> str: ...


def read(token: str) -> ReturnParts | None:
    """None: it is damaged, or no token. In large letters it is the same one."""
    found = _TOKEN.fullmatch(token.lower()) if len(token) <= LONGEST_RETURN_TOKEN else None
    if found is None:
        return None
    key_number, delivery_id = int(found[3], 16), int(found[4], 16)
    if not key_number or delivery_id > LARGEST_SEALED_ID:
        return None
    return ReturnParts(ReturnPurpose(found[1]), key_number, delivery_id, bytes.fromhex(found[2]))


def tokens_in(text: str) -> list[str]:
    """The tokens of the addresses in a text, as they would be sealed: `anything+TOKEN@`, for a forwarder may
    have put more before it (SRS, prvs) and another domain behind it.
    """
    found = (match.lower() for match in _IN_ADDRESS.findall(text))
    return list(dict.fromkeys([token for token in found if read(token) is not None]))


class ReturnAddress(NamedTuple):
    """The address that all return paths are made of, as MAILROOM_BOUNCE_ADDRESS says it."""

    address: str

    def with_token(self, token: str) -> str:
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{token}@{domain}"

    def is_for_us(self, recipient: str) -> bool:
        """Whether a recipient is this address, or one of its tokens' (in any size of letters)."""
        local, _, domain = recipient.lower().rpartition("@")
        before, _, own_domain = self.address.lower().rpartition("@")
        return domain == own_domain and (local == before or local.startswith(f"{before}+"))


class ReturnPaths(NamedTuple):
    """Where mail of deliveries comes back to, each its own."""

    key: Returning
    address: ReturnAddress

    def of(self, purpose: ReturnPurpose, delivery_id: int, recipient: str) -> str:
        return self.address.with_token(self.key.seal(purpose, delivery_id, recipient.lower()))
