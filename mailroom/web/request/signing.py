"""Signed words (itsdangerous): a form's POST reads two, the session's cookie and the form's token."""

from __future__ import annotations

import hmac
from functools import cache
from typing import Any

from itsdangerous import Signer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.signer import SigningAlgorithm


class Hmac(SigningAlgorithm):
    """HMAC-SHA-1, itsdangerous' own, by the one call that OpenSSL has for it."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha1")


class KeptSigner(TimestampSigner):
    """Its own, which derives its key anew for each signature."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.algorithm = Hmac()
        self.derive_key = cache(self.derive_key)  # type: ignore[method-assign]


class SignedWords(URLSafeTimedSerializer):
    """Its own, which makes its signer anew for each of them."""

    default_signer = KeptSigner

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._signer = super().make_signer()

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        return self._signer if salt in (None, self.salt) else super().make_signer(salt)
