"""Kept lists: made, found by id or name, listed, renamed, removed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.sql.newest_first import newest_first
from mailroom.ledger import suppressions
from mailroom.ledger.lists.reach import EVERY_LIST, PEOPLES
from mailroom.ledger.people.program_room import LISTS_OF_PROGRAM, refuse_more
from mailroom.ledger.schema import lists

LONGEST_KEPT_NAME = 60
"""Characters: it is what people unsubscribe from, too."""


@dataclass(frozen=True, slots=True)
class KeptList:
    """One list. `list_name`: what its mailings are unsubscribed from; `importing_until`: see lease.py."""

    id: int
    uid: str
    program_id: int
    name: str
    list_name: str
    is_shared: bool
    columns: Sequence[str]
    total: int
    importing_until: int | None
    created_at: datetime
    updated_at: datetime


class NameTaken(ValueError):
    """Its owner has another list of this name."""


LIST_COLUMNS = tuple(lists.c[name] for name in KeptList.__slots__)
FIND_LISTS = select(*LIST_COLUMNS)


def add(
    connection: Connection,
    name: str,
    list_name: str,
    *,
    columns: Sequence[str] = (),
    is_shared: bool = False,
    program_id: int = PEOPLES,
    user_id: int | None = None,
) -> KeptList:
    """A new one, with nobody on it. Raises NameTaken, ProgramIsFull."""
    if program_id != PEOPLES:
        mine = select(lists.c.id).where(lists.c.program_id == program_id)
        refuse_more(connection, mine, LISTS_OF_PROGRAM, "lists are kept of one program. Delete some.")
    values = {
        "uid": str(uuid.uuid4()),
        "program_id": program_id,
        "user_id": user_id,
        "name": name,
        "list_name": list_name,
        "is_shared": is_shared,
        "columns": list(columns),
        "created_at": now_millis(),
        "updated_at": now_millis(),
    }
    made = insert(lists).values(values).returning(*LIST_COLUMNS)
    try:
        return KeptList(*connection.execute(made).one())
    except IntegrityError:
        raise NameTaken(name) from None


def find(
    connection: Connection,
    named: str,
    reach: ColumnElement[bool] = EVERY_LIST,
    *,
    program_id: int = PEOPLES,
) -> KeptList | None:
    """The one of this uid or name (as mailings have it), within `reach`. Of several with one name it is the
    asking program's own, then people's.
    """
    wanted = or_(lists.c.uid == named.lower(), lists.c.list_name == named.lower())
    found = [KeptList(*row) for row in connection.execute(FIND_LISTS.where(wanted, reach))]
    found.sort(key=lambda one: (one.uid != named.lower(), one.program_id != program_id, one.program_id))
    return found[0] if found else None


def by_id(connection: Connection, list_id: int) -> KeptList | None:
    row = connection.execute(FIND_LISTS.where(lists.c.id == list_id)).one_or_none()
    return None if row is None else KeptList(*row)


def page(
    connection: Connection,
    reach: ColumnElement[bool] = EVERY_LIST,
    *,
    limit: int,
    after_id: int | None = None,
    before_id: int | None = None,
) -> list[KeptList]:
    """Newest first: the next `limit` behind `after_id`, or the last `limit` in front of `before_id`."""
    rows, place = FIND_LISTS.where(reach), lists.c.id
    found = newest_first(connection, rows, place, limit=limit, older_than=after_id, newer_than=before_id)
    return [KeptList(*row) for row in found]


def by_name(connection: Connection, limit: int) -> list[KeptList]:
    """The first in alphabetical order."""
    order = (func.lower(lists.c.name), lists.c.id)
    return [KeptList(*row) for row in connection.execute(FIND_LISTS.order_by(*order).limit(limit))]


def change(connection: Connection, before: KeptList, **values: Any) -> KeptList:
    """`name` with `list_name`, `is_shared`; the list after that. Who unsubscribed stays so by each name.
    Raises NameTaken.
    """
    changed = update(lists).where(lists.c.id == before.id).values({**values, "updated_at": now_millis()})
    try:
        after = KeptList(*connection.execute(changed.returning(*LIST_COLUMNS)).one())
    except IntegrityError:
        raise NameTaken(values.get("name")) from None
    if before.list_name != after.list_name:
        suppressions.carry_over(connection, before.id, before.list_name, after.list_name)
    return after


def set_columns(connection: Connection, list_id: int, columns: Sequence[str]) -> None:
    changed = update(lists).where(lists.c.id == list_id)
    pipeline.do(connection, changed.values(columns=list(columns), updated_at=now_millis()))


def lock(connection: Connection, list_id: int) -> None:
    """Who writes members takes it first, and so nobody adds one twice, or waits in a circle."""
    connection.execute(select(lists.c.id).where(lists.c.id == list_id).with_for_update())


def columns_of(connection: Connection, list_id: int) -> list[str]:
    return list(connection.execute(select(lists.c.columns).where(lists.c.id == list_id)).scalar_one())


def count_more(connection: Connection, list_id: int, more: int) -> None:
    """So many members were added, or taken off."""
    counted = {"total": lists.c.total + more, "updated_at": now_millis()}
    pipeline.do(connection, update(lists).where(lists.c.id == list_id).values(counted))


def remove(connection: Connection, list_id: int) -> bool:
    """With whoever is still on it. Mailings keep what they sent. False: it was not there any more."""
    return connection.execute(delete(lists).where(lists.c.id == list_id)).rowcount == 1
