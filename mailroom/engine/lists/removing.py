"""Removal of members, or of a whole list, in short transactions."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy import Connection

from mailroom.database.engine import Database
from mailroom.database.telling import tell
from mailroom.database.together import Together
from mailroom.ledger.lists import kept, lease, members
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.lease import Permit, granted
from mailroom.ledger.lists.members import MEMBERS_AT_ONCE

log = structlog.get_logger()


def remove_list(database: Database, gone: KeptList, permit: Permit = granted) -> None:
    """With everybody on it. Raises ListIsBusy. One that breaks off can be done again."""
    with database.begin() as connection:
        permit(connection)
        owner = lease.take(connection, gone.id)
    _remove_all(database, gone, owner, permit)
    log.info("a list is removed", list=gone.uid)


def remove_half_made(database: Database, gone: KeptList, owner: str) -> None:
    """A new list that nobody is to find, with who was put on it so far. Raises ImportOvertaken."""
    _remove_all(database, gone, owner, granted)


def _remove_all(database: Database, gone: KeptList, owner: str, permit: Permit) -> None:
    while True:
        with database.begin() as connection:
            permit(connection)
            lease.renew(connection, gone.id, owner)
            ids = members.ids_after(connection, gone.id, 0, MEMBERS_AT_ONCE)
            members.remove(connection, gone.id, ids)
            if len(ids) < MEMBERS_AT_ONCE:
                kept.remove(connection, gone.id)
                return


def take_off(connection: Connection, kept_list: KeptList, address_keys: Sequence[str]) -> int:
    """Those of some thousand addresses that are on it; how many these were."""
    reads = Together(connection)  # in this order
    locked = reads.ask(kept.lock, kept_list.id)
    found = reads.ask(members.among, kept_list.id, address_keys)
    locked()
    number = members.remove(connection, kept_list.id, [one.id for one in found().values()])
    tell(connection, "members are taken off a list", list=kept_list.uid, number=number)
    return number
