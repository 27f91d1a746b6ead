"""Fields for the provider that a mail is handed to, by which it tells later which mail it speaks of.

Postmark alone wants them: it tells no Message-ID, and gives the mail another one unless it is asked not to.
"""

from __future__ import annotations

POSTMARK_DOMAIN = "postmarkapp.com"


def wants_fields(host: str) -> bool:
    """Of a mail server."""
    return f".{host.lower().rstrip('.')}".endswith(f".{POSTMARK_DOMAIN}")


def provider_fields(message_id: str) -> bytes:
    """Postmark takes off what begins with X-PM-. Of its metadata, a value has 80 characters at most."""
    name = message_id.strip("<>").partition("@")[0]
    return f"X-PM-KeepID: true\r\nX-PM-Metadata-mailroom: {name}\r\n".encode("ascii")
