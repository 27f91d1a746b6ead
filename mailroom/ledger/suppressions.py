"""Suppression list: addresses that must not be mailed, by which mail, why, and by what evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, literal, or_, select, tuple_

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.sql.any_case import contains_in_any_case
from mailroom.database.sql.contains import contains
from mailroom.database.sql.planner import without_parallel_workers
from mailroom.database.sql.upsert import insert_all_once, insert_found
from mailroom.in_parts import in_parts
from mailroom.ledger.consent.scopes import ALL_MAIL, Scope
from mailroom.ledger.lists.reach import PEOPLES
from mailroom.ledger.schema import list_members, lists, mailings, strikes, suppressions

REASON_SENTENCES = {
    "manual": "Added by hand",
    "unsubscribed": "Wanted no more mail",
    "bounced": "Mail to it came back",
    "complained": "Called it spam",
}
REASONS = tuple(REASON_SENTENCES)

ADDRESSES_AT_ONCE = 500
"""Rows a statement: a database takes only so many parameters."""

SUPPRESSIONS_SEARCHED = 30_000
"""Rows that one search looks through; then it says where it stopped."""

PLACE_SEPARATOR = "\t"
"""Stands in no address. Before a place: a search is past the addresses that begin with its words."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address (lower case) on the list. `mailing_id`, `delivery_id`: of the mail that led to it."""

    address_key: str
    sender: str
    list_name: str
    reason: str
    note: str
    created_at: datetime
    mailing_id: int | None
    delivery_id: int | None
    evidence: str

    @property
    def scope(self) -> Scope:
        return Scope(self.sender, self.list_name)

    @property
    def place(self) -> str:
        """Where it stands in the list, for `page`."""
        return PLACE_SEPARATOR.join((self.address_key, self.sender, self.list_name))


def add(
    connection: Connection,
    address_keys: Iterable[str],
    reason: str = "manual",
    note: str = "",
    *,
    scope: Scope = ALL_MAIL,
    mailing_id: int | None = None,
    delivery_id: int | None = None,
    evidence: str = "",
) -> int:
    """Puts these on the list; says how many were not there yet. From their next mark on they get no mail."""
    same = {
        "reason": reason,
        "note": note,
        "mailing_id": mailing_id,
        "delivery_id": delivery_id,
        "evidence": evidence,
    }
    return add_rows(connection, ({"address_key": key, **scope._asdict(), **same} for key in address_keys))


def add_rows(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> int:
    """The same for rows of the table that have all but the time."""
    added = 0
    for some in in_parts(rows, ADDRESSES_AT_ONCE):
        once = {(row["address_key"], row["sender"], row["list_name"]): row for row in some}
        added += insert_all_once(connection, suppressions, list(once.values()), created_at=now_millis())
    return added


def carry_over(connection: Connection, list_id: int, before: str, name: str) -> int:
    """Who is on this list and unsubscribed from it, when it was called `before`, gets none of its mail by the
    new name either. Of a program's list: from that program's mail, for others have lists of the same name.
    """
    # Whoever unsubscribed is looked for: to gather a million members, or mails, would hold SQLite's lock.
    on_it = select(list_members.c.id).where(
        list_members.c.list_id == list_id, list_members.c.address_key == suppressions.c.address_key
    )
    owner = select(lists.c.program_id).where(lists.c.id == list_id).scalar_subquery()
    is_its_mail = select(mailings.c.id).where(
        mailings.c.id == suppressions.c.mailing_id, mailings.c.program_id == owner
    )
    same = (column for column in suppressions.c if column.name != "list_name")
    query = select(*same, literal(name).label("list_name")).where(
        suppressions.c.list_name == before,
        on_it.exists(),
        or_(owner == PEOPLES, is_its_mail.exists()),
    )
    return insert_found(connection, suppressions, query)


def remove(connection: Connection, address_key: str, scope: Scope | None = None) -> bool:
    """Takes it off the list, by default in all scopes. What was suppressed stays so, unless somebody retries
    it.
    """
    gone = delete(suppressions).where(suppressions.c.address_key == address_key)
    if scope is None or scope == ALL_MAIL:  # a first bounce must not put it back
        pipeline.do(connection, delete(strikes).where(strikes.c.address_key == address_key))
    if scope is not None:
        gone = gone.where(suppressions.c.sender == scope.sender, suppressions.c.list_name == scope.list_name)
    return connection.execute(gone).rowcount > 0


def find(connection: Connection, address_key: str, scope: Scope) -> Suppression | None:
    row = connection.execute(
        select(suppressions).where(
            suppressions.c.address_key == address_key,
            suppressions.c.sender == scope.sender,
            suppressions.c.list_name == scope.list_name,
        )
    ).one_or_none()
    return None if row is None else Suppression(*row)


def count(connection: Connection, most: int | None = None) -> int:
    """Of rows: an address has one for each scope. No further than `most`."""
    some = select(suppressions.c.address_key).limit(most).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def page(connection: Connection, after: str | None = None, limit: int = 100) -> list[Suppression]:
    """The next `limit` in alphabetical order. `after`: an address or a place."""
    return [Suppression(*row) for row in connection.execute(_in_order(after or "").limit(limit))]


class SearchedSuppressions(NamedTuple):
    """What a search found so far. `go_on`: where the same search goes on; None: that is all."""

    found: list[Suppression]
    go_on: str | None


def search(
    connection: Connection, words: str, after: str | None = None, limit: int = 100
) -> SearchedSuppressions:
    """Whose address, sender, list or note contains `words`, in any case. `after`: `go_on` of the page before.

    Whose address begins with them comes first, found by the index; the others are looked for among the next
    SUPPRESSIONS_SEARCHED rows, so that none reads a million.
    """
    without_parallel_workers(connection)
    key, place = words.strip().lower(), after or ""
    found: list[Suppression] = []
    if not place.startswith(PLACE_SEPARATOR):
        found, place = _beginning_with(connection, key, place, limit + 1), PLACE_SEPARATOR
        if len(found) > limit:
            return SearchedSuppressions(found[:limit], found[limit - 1].place)
    room, behind = limit - len(found), place.removeprefix(PLACE_SEPARATOR)
    more = _with_part(connection, key, behind, room + 1)
    if len(more) > room:
        last: str | None = more[room - 1].place if room else behind
    else:
        last = _last_searched(connection, behind)
    return SearchedSuppressions([*found, *more[:room]], None if last is None else PLACE_SEPARATOR + last)


def some(connection: Connection, words: str, after: str | None, limit: int) -> SearchedSuppressions:
    """A page of all, or of a search when there are words, and where it goes on."""
    if words.strip():
        return search(connection, words, after, limit)
    found = page(connection, after, limit + 1)
    shown = found[:limit]
    return SearchedSuppressions(shown, shown[-1].place if len(found) > limit else None)


_ORDER = (suppressions.c.address_key, suppressions.c.sender, suppressions.c.list_name)


def _in_order(after: str) -> Select[*tuple[Any, ...]]:
    statement, place = select(suppressions).order_by(*_ORDER), after.split(PLACE_SEPARATOR)
    if len(place) == len(_ORDER):
        return statement.where(tuple_(*_ORDER) > tuple_(*place))
    return statement.where(suppressions.c.address_key > after) if after else statement


def _last_with(beginning: str) -> str:
    """No address that begins so is behind it."""
    return beginning + "\U0010ffff"


def _beginning_with(connection: Connection, key: str, after: str, limit: int) -> list[Suppression]:
    begins = suppressions.c.address_key.between(key, _last_with(key))
    return [Suppression(*row) for row in connection.execute(_in_order(after).where(begins).limit(limit))]


def _with_part(connection: Connection, key: str, after: str, limit: int) -> list[Suppression]:
    """And an address that does not begin with it."""
    part = _in_order(after).limit(SUPPRESSIONS_SEARCHED).subquery()
    order = tuple(part.c[column.name] for column in _ORDER)
    fits = or_(*(contains(column, key) for column in order), contains_in_any_case(part.c.note, key))
    rows = select(part).where(fits, ~part.c.address_key.between(key, _last_with(key)))
    return [Suppression(*row) for row in connection.execute(rows.order_by(*order).limit(limit))]


def _last_searched(connection: Connection, after: str) -> str | None:
    """The place at which a search stops; None: it comes to the end."""
    last = _in_order(after).with_only_columns(*_ORDER).offset(SUPPRESSIONS_SEARCHED - 1).limit(2)
    rows = connection.execute(last).all()
    return PLACE_SEPARATOR.join(rows[0]) if len(rows) > 1 else None


def of_address(connection: Connection, address_key: str) -> list[Suppression]:
    """Its rows, the widest scope first."""
    mine = select(suppressions).where(suppressions.c.address_key == address_key)
    in_order = mine.order_by(suppressions.c.sender, suppressions.c.list_name)
    return [Suppression(*row) for row in connection.execute(in_order)]
