"""Message-IDs: the same for a delivery however often it is sent."""

from __future__ import annotations


def message_id(uid: str, delivery_id: int | None, domain: str) -> str:
    """The Message-ID of one delivery, or of the whole mailing when it is shared (None).

    Never this host's name, which is nobody's business: the sender's domain.
    """
    left = uid if delivery_id is None else f"{uid}.{delivery_id}"
    return f"<{left}@{domain}>"
