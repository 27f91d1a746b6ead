"""Lease of an import: one at a time changes many members of a list, in short transactions.

Meanwhile nobody sends to it, for it is neither what it was nor what it shall be. An import that died leaves a
lease that ran out, by which the list is known to be half done until another import of it is done.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, or_, update

from mailroom.database import clock
from mailroom.database.clock import now_millis
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.schema import lists

IMPORT_LEASE_MS = 15_000

Permit = Callable[[Connection], object]
"""Raises when whoever changes a list may not any more. Asked in each transaction, the last one too."""


def granted(connection: Connection) -> None:
    """The permit of who is not asked again."""


class ListIsBusy(Exception):
    """An import of it is under way."""


class ImportOvertaken(ListIsBusy):
    """Its own lease ran out, and another import has begun."""


def take(connection: Connection, list_id: int) -> str:
    """The name of the new import. Raises ListIsBusy."""
    owner = str(uuid.uuid4())
    is_free = or_(lists.c.importing_until.is_(None), lists.c.importing_until < now_millis())
    until = now_millis() + IMPORT_LEASE_MS
    taken = update(lists).where(lists.c.id == list_id, is_free)
    if connection.execute(taken.values(import_owner=owner, importing_until=until)).rowcount != 1:
        raise ListIsBusy
    return owner


def renew(connection: Connection, list_id: int, owner: str) -> None:
    """Raises ImportOvertaken."""
    _set(connection, list_id, owner, now_millis() + IMPORT_LEASE_MS)


def end(connection: Connection, list_id: int, owner: str) -> None:
    """All of it is done. Raises ImportOvertaken."""
    _set(connection, list_id, owner, None)


def break_off(connection: Connection, list_id: int, owner: str) -> None:
    """It is over, and not all of it is done. Raises ImportOvertaken."""
    _set(connection, list_id, owner, 0)


def _set(connection: Connection, list_id: int, owner: str, until: ColumnElement[int] | int | None) -> None:
    mine = update(lists).where(lists.c.id == list_id, lists.c.import_owner == owner)
    if connection.execute(mine.values(importing_until=until)).rowcount != 1:
        raise ImportOvertaken


def is_half_done(connection: Connection, kept: KeptList) -> bool:
    """Whether its last import broke off."""
    return kept.importing_until is not None and kept.importing_until < clock.now(connection)
