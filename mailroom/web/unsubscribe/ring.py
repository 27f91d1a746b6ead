"""The key ring of this process, by which it knows which links are ours."""

from __future__ import annotations

import time
from typing import cast

from flask import Flask, current_app

from mailroom.content.link_tokens import LinkKey, opened
from mailroom.content.unsubscribe import linked_to
from mailroom.database.engine import Database
from mailroom.ledger.consent import link_keys
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.consent.unsubscribing import Subscription

RING_READ_AGAIN_AFTER = 1.0
"""Seconds: a stranger who names keys that there are not must not keep the ledger busy."""

RING_NAME = "mailroom.link_keys"


class Ring:
    """Keys by number. One that is not known is asked for: another machine may have made it just now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[int, LinkKey] = {}
        self._read_at = float("-inf")

    def subscription(self, token: str) -> Subscription | None:
        """What a link is about; None for one that is none of ours."""
        found = linked_to(opened(token, self._of))
        if found is None:
            return None
        return Subscription(found.delivery_id, found.address_key, Scope(found.sender, found.list_name))

    def _of(self, number: int) -> LinkKey | None:
        if number not in self._keys and time.monotonic() - self._read_at >= RING_READ_AGAIN_AFTER:
            with self._database.read() as connection:
                every = link_keys.every(connection)
            self._keys = {number: LinkKey(number, secret) for number, secret in every.items()}
            self._read_at = time.monotonic()
        return self._keys.get(number)


def init_app(app: Flask, database: Database) -> None:
    app.extensions[RING_NAME] = Ring(database)


def ring() -> Ring:
    return cast(Ring, current_app.extensions[RING_NAME])
