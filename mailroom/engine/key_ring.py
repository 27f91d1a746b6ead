"""Key ring of this process, by which it knows which unsubscribe links and return paths are ours."""

from __future__ import annotations

import time

from mailroom.content.links.link_tokens import LinkKey, opened
from mailroom.content.links.return_tokens import ReturnKey
from mailroom.content.links.unsubscribe import LinkedTo, linked_to
from mailroom.database.engine import Database
from mailroom.ledger.consent import link_keys
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.consent.unsubscribing import Subscription

RING_READ_AGAIN_AFTER = 1.0
"""Seconds: a stranger who names keys that there are not must not keep the ledger busy."""


class KeyRing:
    """Keys by number. One that is not known is asked for: another machine may have made it just now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._secrets: dict[int, bytes] = {}
        self._links: dict[int, LinkKey] = {}
        self._read_at = float("-inf")

    def link(self, number: int) -> LinkKey | None:
        """The key that opens links of this number."""
        if number not in self._links and (secret := self._secret(number)) is not None:
            self._links[number] = LinkKey(number, secret)
        return self._links.get(number)

    def returned(self, number: int) -> ReturnKey | None:
        """The key that knows return paths of this number."""
        secret = self._secret(number)
        return None if secret is None else ReturnKey(number, secret)

    def linked_to(self, token: str) -> LinkedTo | None:
        """What a link says; None for one that is none of ours."""
        return linked_to(opened(token, self.link))

    def subscription(self, token: str) -> Subscription | None:
        """What a link is about; None for one that is none of ours."""
        found = self.linked_to(token)
        if found is None:
            return None
        return Subscription(found.delivery_id, found.address_key, Scope(found.sender, found.list_name))

    def _secret(self, number: int) -> bytes | None:
        if number not in self._secrets and time.monotonic() - self._read_at >= RING_READ_AGAIN_AFTER:
            with self._database.read() as connection:
                self._secrets = link_keys.every(connection)
            self._read_at = time.monotonic()
        return self._secrets.get(number)
