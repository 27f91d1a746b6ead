"""Object-level authorization: from an id in an address to what the key that asks may reach.

The only way to a mailing, a draft, a template, a list or a repeat in the API. `operation` hands one to every
view with an `{id}`, which so never has an id to look up by itself. What another program sent or made is not
found, in the same words and headers as what does not exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
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

IS_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch

TEMPLATE_NAMES = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
_IS_TEMPLATE_NAME = re.compile(TEMPLATE_NAMES[1:-1]).fullmatch

TEMPLATES_PATH, LISTS_PATH = "/templates/", "/lists/"
REPEATS_PATH, DRAFTS_PATH = "/repeats/", "/drafts/"
OTHER_PATHS = (TEMPLATES_PATH, LISTS_PATH, REPEATS_PATH, DRAFTS_PATH)
"""Whose ids name no mailing."""


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


@dataclass(frozen=True, slots=True)
class ReachedTemplate:
    """A template that is asked for by its id or alias: found in the transaction of whoever uses it."""

    named: str
    key: ApiKey

    def find(self, connection: Connection) -> StoredTemplate:
        """The template. Raises ApiError when there is none for this key, or the key has ended meanwhile."""
        found = None
        if _IS_TEMPLATE_NAME(self.named):
            reach = templates_for(self.key)
            found = stored.find(connection, self.named, reach, program_id=self.key.program)
        if found is None:
            raise not_found("Template")
        return found

    def find_to_change(self, connection: Connection) -> StoredTemplate:
        """The same, for who is about to change it. Raises ApiError."""
        found = self.find(connection)
        if not may_change(self.key, found.program_id):
            message = (
                "People made this template: your key may use it, and one with the scope admin change it."
            )
            raise ApiError(403, "validation_error", message)
        return found


@dataclass(frozen=True, slots=True)
class ReachedList:
    """A kept list that is asked for: found in the transaction of whoever uses it."""

    uid: UUID
    key: ApiKey

    def find(self, connection: Connection) -> KeptList:
        """The list. Raises ApiError when there is none for this key, or the key has ended meanwhile."""
        found = kept.find(connection, str(self.uid), lists_for(self.key))
        if found is None:
            raise not_found("List")
        return found

    def find_to_change(self, connection: Connection) -> KeptList:
        """The same, for who is about to change it. Raises ApiError."""
        found = self.find(connection)
        if not may_change_list(self.key, found.program_id):
            message = (
                "This list is shared: your key may use it, and one of its owner's, or an admin's, change it."
            )
            raise ApiError(403, "validation_error", message)
        return found


@dataclass(frozen=True, slots=True)
class ReachedRepeat:
    """A repeat that is asked for: found in the transaction of whoever uses it."""

    uid: UUID
    key: ApiKey

    def find(self, connection: Connection) -> Repeat:
        """The repeat. Raises ApiError when there is none for this key, or the key has ended meanwhile."""
        found = repeats.find(connection, str(self.uid), repeats.repeats_for(self.key))
        if found is None:
            raise not_found("Repeat")
        return found


@dataclass(frozen=True, slots=True)
class ReachedDraft:
    """A draft that is asked for: found in the transaction of whoever uses it."""

    uid: UUID
    key: ApiKey

    def find(self, connection: Connection, *, to_change: bool = False) -> StoredDraft:
        """The draft. Raises ApiError when there is none for this key, or the key has ended meanwhile."""
        found = drafts.find(connection, str(self.uid), drafts_for(self.key), to_change=to_change)
        if found is None:
            raise not_found("Draft")
        return found


ReachedThing = Reached | ReachedTemplate | ReachedList | ReachedRepeat | ReachedDraft


def reached(path: str, named: str, key: ApiKey) -> ReachedThing:
    """What `named`, the `{id}` of this path, names. Raises ApiError for what is no id; KeyError for a path
    that THINGS does not know.
    """
    if path.startswith(TEMPLATES_PATH):
        return ReachedTemplate(named, key)
    if path.startswith(LISTS_PATH):
        return ReachedList(_uuid(named), key)
    if path.startswith(REPEATS_PATH):
        return ReachedRepeat(_uuid(named), key)
    if path.startswith(DRAFTS_PATH):
        return ReachedDraft(_uuid(named), key)
    return Reached(THINGS[path.split("/")[1]], _uuid(named), key)


def _uuid(text: str) -> UUID:
    if IS_UUID(text) is None:
        raise Unprocessable(f"`id`: {MISTAKE_SENTENCES['uuid_type']}")
    return UUID(text)
