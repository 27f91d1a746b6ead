"""Signature of a webhook: Standard Webhooks, and Svix's names for the same headers."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode


def signed_headers(secret: str, uid: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`secret` is whsec_ and base64; `timestamp` is seconds since the epoch, of this very try."""
    key = b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, b"%b.%d.%b" % (uid.encode("ascii"), timestamp, body), "sha256")
    values = {"id": uid, "timestamp": str(timestamp), "signature": f"v1,{b64encode(digest).decode('ascii')}"}
    return {f"{prefix}-{name}": value for prefix in ("webhook", "svix") for name, value in values.items()}
