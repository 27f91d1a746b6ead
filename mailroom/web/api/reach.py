"""Object-level authorization: from an id in an address to what the key that asks may reach.

The only way to a mailing, a draft, a template, a list or a repeat in the API. `operation` hands one to every
view with an `{id}`, which so never has an id to look up by itself. What another program sent or made is not
found, in the same words and headers as what does not exist.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from mailroom.ledger.drafts import stored as drafts
from mailroom.ledger.drafts.reach import drafts_for
from mailroom.ledger.drafts.stored import StoredDraft
from mailroom.ledger.lists import kept
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.reach import lists_for, may_change_list
from mailroom.ledger.mailings import mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.ledger.repeats import repeats
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.ledger.templates import stored
from mailroom.ledger.templates.reach import may_change, templates_for
from mailroom.ledger.templates.stored import StoredTemplate
from mailroom.web.api.errors import ApiError, Unprocessable, not_found
from mailroom.web.api.wording import MISTAKE_SENTENCES

T = TypeVar("T")

IS_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch

TEMPLATE_NAMES = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
_IS_TEMPLATE_NAME = re.compile(TEMPLATE_NAMES[1:-1]).fullmatch

TEMPLATES_PATH = "/templates/"


class ReachedThing(ABC, Generic[T]):
    """What an id names: found in the transaction of whoever uses it."""

    noun: str

    @abstractmethod
    def look_up(self, connection: Connection) -> T | None:
        """None, too, when the key has ended meanwhile."""

    def find(self, connection: Connection) -> T:
        """Raises ApiError when there is none for this key, or the key has ended meanwhile."""
        return _there(self.look_up(connection), self.noun)


@dataclass(frozen=True)
class ReachedByUid(ReachedThing[T]):
    """What a UUID names."""

    uid: UUID
    key: ApiKey

    @classmethod
    def named(cls, text: str, key: ApiKey) -> Self:
        """Raises ApiError for what is no UUID."""
        if IS_UUID(text) is None:
            raise Unprocessable(f"`id`: {MISTAKE_SENTENCES['uuid_type']}")
        return cls(UUID(text), key)


class Reached(ReachedByUid[Mailing]):
    """A mailing of one of these kinds."""

    noun = "Mailing"
    kinds: tuple[str, ...] = ("shared", "individual")

    def look_up(self, connection: Connection) -> Mailing | None:
        found = mailings.by_uid(connection, str(self.uid), api_keys.reach_of(self.key))
        return found if found is not None and found.kind in self.kinds else None

    def find_uncounted(self, connection: Connection) -> Mailing:
        """The same, if nobody wants to know how many of it are in which state. Raises ApiError."""
        reach = api_keys.reach_of(self.key)
        found = mailings.by_uid(connection, str(self.uid), reach, is_counted=False)
        return _there(found if found is not None and found.kind in self.kinds else None, self.noun)

    def find_id(self, connection: Connection) -> int:
        """The same, if no more than its id is wanted. Raises ApiError."""
        reach = api_keys.reach_of(self.key)
        return _there(mailings.id_of(connection, str(self.uid), self.kinds, reach), self.noun)


class ReachedEmail(Reached):
    noun = "Email"
    kinds = ("shared",)


@dataclass(frozen=True)
class ReachedTemplate(ReachedThing[StoredTemplate]):
    """By its id or alias."""

    named: str
    key: ApiKey

    noun = "Template"

    def look_up(self, connection: Connection) -> StoredTemplate | None:
        if not _IS_TEMPLATE_NAME(self.named):
            return None
        return stored.find(connection, self.named, templates_for(self.key), program_id=self.key.program)

    def find_to_change(self, connection: Connection) -> StoredTemplate:
        """The same, for who is about to change it. Raises ApiError."""
        found = self.find(connection)
        if not may_change(self.key, found.program_id):
            message = (
                "People made this template: your key may use it, and one with the scope admin change it."
            )
            raise ApiError(403, "validation_error", message)
        return found


class ReachedList(ReachedByUid[KeptList]):
    noun = "List"

    def look_up(self, connection: Connection) -> KeptList | None:
        return kept.find(connection, str(self.uid), lists_for(self.key))

    def find_to_change(self, connection: Connection) -> KeptList:
        """The same, for who is about to change it. Raises ApiError."""
        found = self.find(connection)
        if not may_change_list(self.key, found.program_id):
            message = (
                "This list is shared: your key may use it, and one of its owner's, or an admin's, change it."
            )
            raise ApiError(403, "validation_error", message)
        return found


class ReachedRepeat(ReachedByUid[Repeat]):
    noun = "Repeat"

    def look_up(self, connection: Connection) -> Repeat | None:
        return repeats.find(connection, str(self.uid), repeats.repeats_for(self.key))


class ReachedDraft(ReachedByUid[StoredDraft]):
    noun = "Draft"

    def look_up(self, connection: Connection) -> StoredDraft | None:
        return drafts.find(connection, str(self.uid), drafts_for(self.key))

    def find_to_change(self, connection: Connection) -> StoredDraft:
        """The same, and nobody else changes it before the transaction is over. Raises ApiError."""
        found = drafts.find(connection, str(self.uid), drafts_for(self.key), to_change=True)
        return _there(found, self.noun)


REACHED: Mapping[str, Callable[[str, ApiKey], ReachedThing[Any]]] = {
    "emails": ReachedEmail.named,
    "mailings": Reached.named,
    "templates": ReachedTemplate,
    "lists": ReachedList.named,
    "repeats": ReachedRepeat.named,
    "drafts": ReachedDraft.named,
}
"""By the first part of a path: what the `{id}` behind it names."""


def is_reached(path: str) -> bool:
    """Whether an `{id}` in this path names something."""
    return _resource(path) in REACHED


def reached(path: str, named: str, key: ApiKey) -> ReachedThing[Any]:
    """What `named`, the `{id}` of this path, names. Raises ApiError for what is no id."""
    return REACHED[_resource(path)](named, key)


def _resource(path: str) -> str:
    return path.split("/")[1]


def _there(found: T | None, noun: str) -> T:
    if found is None:
        raise not_found(noun)
    return found
