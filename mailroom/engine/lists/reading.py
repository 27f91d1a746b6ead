"""A kept list as the recipients of a mailing: as it is in one transaction, its values as merge tags."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection

from mailroom.content.merge.plain import Value
from mailroom.content.recipients.parsed import Parsed, Recipient
from mailroom.content.recipients.spool import Recipients
from mailroom.ledger.lists import lease, members
from mailroom.ledger.lists.kept import KeptList

USUALLY_EMPTY = 1_000
"""Characters that a recipient's empty values may take in any case, with the names of their columns."""

MOST_EMPTY = 100_000_000
"""Characters, in all, that they may take beyond that: they are written down for each delivery, and two
megabytes make a list of a thousand columns and a hundred thousand people.
"""

AROUND_EMPTY = len('"":"",')


class ListNotReady(Exception):
    """Nothing can be sent to it; `str()` is a sentence."""


def parsed_of(connection: Connection, kept: KeptList) -> Parsed:
    """Everybody on it. Each has all of its columns: one that is empty is a value, not a mistake.

    Raises ListNotReady while it is being changed by an import, after one that broke off, and where too much
    would be empty.
    """
    if kept.importing_until is not None:
        raise ListNotReady(why_not(is_half_done=lease.is_half_done(connection, kept)))
    empty, lacking = dict.fromkeys(kept.columns, ""), _Lacking(kept)

    def everybody() -> Iterator[Recipient]:
        for one in members.each(connection, kept.id):
            lacking.note(one.variables)
            yield Recipient(one.address, one.name, {**empty, **one.variables} or None)

    return Parsed(recipients=Recipients(everybody()), columns=list(kept.columns))


class _Lacking:
    """What a list's recipients lack, as it would be written down."""

    def __init__(self, kept: KeptList) -> None:
        self._columns = kept.columns
        self._all = _written(kept.columns)
        self._left = MOST_EMPTY

    def note(self, values: Mapping[str, Value]) -> None:
        """Raises ListNotReady where that is too much."""
        if self._all <= USUALLY_EMPTY:
            return
        self._left -= max(0, self._all - _written(values) - USUALLY_EMPTY)
        if self._left < 0:
            raise ListNotReady(
                f"Its recipients have nothing in most of its {len(self._columns):,} columns, and all of that "
                "would be written down for each. Make a list of it that has fewer columns."
            )


def _written(names: Collection[str]) -> int:
    return sum(map(len, names)) + AROUND_EMPTY * len(names)


def why_not(*, is_half_done: bool) -> str:
    if is_half_done:
        return "The last import of this list broke off, so it is half done: import again what it shall be."
    return "This list is being imported just now. Try again when that is done."
