"""Secrets that somebody carries: given away once, kept as a hash."""

from __future__ import annotations

import secrets
from hashlib import sha256


def new_token() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """A plain hash is enough: nobody can guess among so many."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()
