"""Link tokens: a few words sealed so that a link can carry them, read and made by whoever has the key only.

Deterministic authenticated encryption in the manner of SIV (RFC 5297): a keyed hash of the words is both
their seal and what the key stream begins with, so the same words give the same link and need no random
number. BLAKE2b (RFC 7693) is the keyed hash, SHAKE256 the stream.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b, shake_256

SEAL_OCTETS = 16
BLOCK_OCTETS = 16
"""Words are filled up to a multiple of it: a link's length tells little of them."""

LONGEST_TOKEN = 1_500
"""Characters: more is nothing that was ever sealed here."""


class LinkKey:
    """One key of a ring; `number` (1 to 255) stands before all that it seals."""

    __slots__ = ("_of_seal", "_of_stream", "number")

    def __init__(self, number: int, secret: bytes) -> None:
        self.number = bytes([number])
        self._of_seal = blake2b(digest_size=SEAL_OCTETS, key=secret, person=b"mailroom seal")
        self._of_stream = shake_256(blake2b(key=secret, person=b"mailroom stream").digest())

    def seal(self, words: Sequence[str]) -> str:
        """As 20 characters and four thirds of the words. None of them holds a NUL."""
        plain = "\0".join((*words, "")).encode()
        plain += bytes(-len(plain) % BLOCK_OCTETS)
        seal = self._seal_of(plain)
        return urlsafe_b64encode(self.number + seal + self._mixed(seal, plain)).rstrip(b"=").decode()

    def open(self, sealed: bytes) -> list[str] | None:
        """The words; None where this key did not seal them. `sealed`: without the key's number."""
        seal = sealed[:SEAL_OCTETS]
        plain = self._mixed(seal, sealed[SEAL_OCTETS:])
        if not hmac.compare_digest(seal, self._seal_of(plain)):
            return None
        return plain.rstrip(b"\0").decode().split("\0")

    def _seal_of(self, plain: bytes) -> bytes:
        keyed = self._of_seal.copy()
        keyed.update(plain)
        return keyed.digest()

    def _mixed(self, seal: bytes, octets: bytes) -> bytes:
        keyed, length = self._of_stream.copy(), len(octets)
        keyed.update(seal)
        stream = int.from_bytes(keyed.digest(length), "big")
        return (int.from_bytes(octets, "big") ^ stream).to_bytes(length, "big")


def opened(token: str, key_of: Callable[[int], LinkKey | None]) -> list[str] | None:
    """The words of a token. None: it is damaged, or nobody here sealed it; nothing tells which."""
    if len(token) > LONGEST_TOKEN or not token.isascii():
        return None
    try:
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    if len(sealed) < 1 + SEAL_OCTETS + BLOCK_OCTETS:
        return None
    key = key_of(sealed[0])
    return key.open(sealed[1:]) if key is not None else None
