"""A kept list as the recipients of a mailing: as it is in one transaction, its values as merge tags."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from mailroom.content.recipients.parsed import Parsed, Recipient
from mailroom.content.recipients.spool import Recipients
from mailroom.ledger.lists import lease, members
from mailroom.ledger.lists.kept import KeptList


class ListNotReady(Exception):
    """Nothing can be sent to it; `str()` is a sentence."""


def parsed_of(connection: Connection, kept: KeptList) -> Parsed:
    """Everybody on it. Each has all of its columns: one that is empty is a value, not a mistake.

    Raises ListNotReady while it is being changed by an import, and after one that broke off.
    """
    if kept.importing_until is not None:
        raise ListNotReady(why_not(is_half_done=lease.is_half_done(connection, kept)))
    empty = dict.fromkeys(kept.columns, "")

    def everybody() -> Iterator[Recipient]:
        for one in members.each(connection, kept.id):
            yield Recipient(one.address, one.name, {**empty, **one.variables} or None)

    return Parsed(recipients=Recipients(everybody()), columns=list(kept.columns))


def why_not(*, is_half_done: bool) -> str:
    if is_half_done:
        return "The last import of this list broke off, so it is half done: import again what it shall be."
    return "This list is being imported just now. Try again when that is done."
