"""Object-level authorization: from an id in an address to what the key that asks may reach.

The only way to a mailing in the API. `operation` hands a Reached to every view with an `{id}`, which so
never has an id to look up by itself. What another program sent is not found, in the same words and
headers as what does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from mailroom.ledger.mailings import mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web.api.errors import not_found


@dataclass(frozen=True, slots=True)
class Thing:
    """What an id names. `kinds`: those of mailings that it may be."""

    name: str
    kinds: tuple[str, ...]


EMAIL_THING = Thing("Email", ("shared",))
MAILING_THING = Thing("Mailing", ("shared", "individual"))
THINGS = {"emails": EMAIL_THING, "mailings": MAILING_THING}
"""By the first part of a path."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An email or mailing that is asked for: found in the transaction of whoever uses it."""

    thing: Thing
    uid: UUID
    key: ApiKey

    def find(self, connection: Connection) -> Mailing:
        """The mailing. Raises ApiError when there is none for this key, or the key has ended meanwhile."""
        found = mailings.by_uid(connection, str(self.uid), api_keys.reach_of(self.key))
        if found is None or found.kind not in self.thing.kinds:
            raise not_found(self.thing.name)
        return found

    def find_id(self, connection: Connection) -> int:
        """The same, if no more than its id is wanted."""
        found = mailings.id_of(connection, str(self.uid), self.thing.kinds, api_keys.reach_of(self.key))
        if found is None:
            raise not_found(self.thing.name)
        return found


def thing_of(path: str) -> Thing:
    """What the `{id}` of this path names. Raises KeyError for a path that THINGS does not know."""
    return THINGS[path.split("/")[1]]
