"""Message-IDs: the same for a delivery however often it is sent."""

from __future__ import annotations

import re
from typing import NamedTuple

LARGEST_DELIVERY_ID = 2**63 - 1

_OURS = re.compile(r"<([0-9a-f-]{36})(?:\.([1-9][0-9]{0,18}))?@[^<>\s]+>", re.ASCII)


def message_id(uid: str, delivery_id: int | None, domain: str) -> str:
    """The Message-ID of one delivery, or of the whole mailing when it is shared (None).

    Never this host's name, which is nobody's business: the sender's domain.
    """
    left = uid if delivery_id is None else f"{uid}.{delivery_id}"
    return f"<{left}@{domain}>"


class OwnId(NamedTuple):
    """What a Message-ID of ours says, if it is one. `delivery_id` None: it is of a shared mailing."""

    uid: str
    delivery_id: int | None


def own_id(text: str) -> OwnId | None:
    """None: it is none that was made here."""
    found = _OURS.fullmatch(text)
    if found is None:
        return None
    delivery_id = int(found[2]) if found[2] else None
    is_too_large = delivery_id is not None and delivery_id > LARGEST_DELIVERY_ID
    return None if is_too_large else OwnId(found[1], delivery_id)
