"""Members of a list: found, paged, searched, added, changed, taken off. The only writer of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Text, bindparam, cast, delete, func, or_, select, update

from mailroom.database.clock import from_millis
from mailroom.database.sql.any_of import any_of
from mailroom.database.sql.bulk import BulkInsert
from mailroom.database.sql.contains import contains
from mailroom.database.sql.of_one import of_one
from mailroom.database.sql.planner import without_parallel_workers
from mailroom.database.together import Together
from mailroom.ledger.lists import consent, kept
from mailroom.ledger.lists.consent import FACT_COLUMNS, ConsentFact
from mailroom.ledger.schema import list_members, lists

MEMBERS_SEARCHED = 30_000
"""Members that one search looks through; then it says where it stopped."""

MEMBERS_AT_ONCE = 2_500
"""Written, or read, in one transaction: nobody waits long for SQLite's lock meanwhile."""

VALUES_AT_ONCE = 4_000_000
"""Characters of their values: of longer ones there are fewer members."""


@dataclass(frozen=True, slots=True)
class Member:
    """One recipient of a list. `consent`: what holds; None: nobody said anything."""

    id: int
    list_id: int
    address: str
    address_key: str
    name: str
    variables: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    consent: ConsentFact | None


class SomeMembers(NamedTuple):
    """Those that were read at once. `is_rest`: nobody comes after them."""

    members: list[Member]
    is_rest: bool


class NewMember(NamedTuple):
    """A row of `list_members` to be. `variables`: as JSON; times in milliseconds."""

    list_id: int
    address: str
    address_key: str
    name: str
    variables: str
    words: str
    consent_given: bool | None
    consent_at: int | None
    consent_how: str
    consent_evidence: str
    consent_noted_at: int | None
    created_at: int
    updated_at: int


class Searched(NamedTuple):
    """What a search found so far. `go_on`: where the same search goes on; None: that is all."""

    found: list[Member]
    go_on: int | None


NEW_MEMBERS = BulkInsert("list_members", NewMember._fields)

_PLAIN = tuple(name for name in Member.__slots__ if name != "consent")
_COLUMNS = tuple(list_members.c[name] for name in (*_PLAIN, *FACT_COLUMNS))

_AMONG = (any_of(list_members.c.address_key, "address_keys"), list_members.c.list_id == bindparam("of_list"))
FIND_AMONG = select(*_COLUMNS).where(*_AMONG)

_LENGTH = func.length(cast(list_members.c.variables, Text)).label("length")
FIND_LENGTHS = select(list_members.c.address_key, _LENGTH).where(*_AMONG)


def find(connection: Connection, list_id: int, address_key: str) -> Member | None:
    row = connection.execute(
        select(*_COLUMNS).where(list_members.c.address_key == address_key, list_members.c.list_id == list_id)
    ).one_or_none()
    return None if row is None else _member(row)


def get(connection: Connection, member_id: int) -> Member | None:
    """The one of this id, whatever list it is on."""
    query = select(*_COLUMNS).where(list_members.c.id == member_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _member(row)


def among(connection: Connection, list_id: int, address_keys: Sequence[str]) -> dict[str, Member]:
    """Those of some thousand addresses that are on it."""
    rows = connection.execute(FIND_AMONG, {"address_keys": address_keys, "of_list": list_id})
    return {member.address_key: member for member in map(_member, rows)}


def lengths_among(connection: Connection, list_id: int, address_keys: Sequence[str]) -> dict[str, int]:
    """Of their values, in characters."""
    rows = connection.execute(FIND_LENGTHS, {"address_keys": address_keys, "of_list": list_id})
    return {row.address_key: row.length for row in rows}


def page(connection: Connection, list_id: int, after_id: int | None = None, limit: int = 100) -> list[Member]:
    """The next `limit` in the order in which they were added."""
    return [_member(row) for row in connection.execute(_of_list(list_id, after_id).limit(limit))]


def each(connection: Connection, list_id: int) -> Iterator[Member]:
    """All of them, as this transaction sees them; memory stays flat for a million, and for long values."""
    some = SomeMembers([], is_rest=False)
    while not some.is_rest:
        some = page_of_some(
            connection, list_id, some.members[-1].id if some.members else None, MEMBERS_AT_ONCE
        )
        yield from some.members


def page_of_some(connection: Connection, list_id: int, after_id: int | None, most: int) -> SomeMembers:
    """The next ones, at most `most`, and fewer whose values are long."""
    sized = _in_order(select(list_members.c.id, _LENGTH), list_id, after_id).limit(most).subquery()
    so_far = func.sum(sized.c.length).over(order_by=sized.c.id) - sized.c.length
    summed = select(sized.c.id, so_far.label("before"), func.count().over().label("there")).subquery()
    few = select(*_COLUMNS, summed.c.there).join(summed, summed.c.id == list_members.c.id)
    few = few.where(summed.c.before <= VALUES_AT_ONCE).order_by(list_members.c.id)
    rows = connection.execute(few).all()
    there = rows[0].there if rows else 0
    return SomeMembers([_member(row[:-1]) for row in rows], is_rest=len(rows) == there < most)


def ids_after(connection: Connection, list_id: int, after_id: int, limit: int) -> list[int]:
    query = _in_order(select(list_members.c.id), list_id, after_id)
    return list(connection.execute(query.limit(limit)).scalars())


def search(
    connection: Connection, list_id: int, words: str, after: int | None = None, limit: int = 100
) -> Searched:
    """Whose address, name or value contains `words`, in any case; `after`: `go_on` of the page before.

    Whose address begins with them comes first, found by its index, in the order of addresses. The others
    are looked for among the next MEMBERS_SEARCHED members, so that none reads a million rows.
    """
    without_parallel_workers(connection)
    key, place, reads = words.strip().lower(), _place_of(after), Together(connection)
    behind = "" if place.is_past_beginnings else _address_of(connection, list_id, place.member_id)
    most = 0 if place.is_past_beginnings else limit + 1
    first = reads.ask(_beginning_with, list_id, key, behind, most)
    after_id = place.member_id if place.is_past_beginnings else 0
    others = reads.ask(_with_part, list_id, key, after_id, limit + 1)
    found, more = first(), others()
    if len(found) > limit:
        return Searched(found[:limit], _Place(found[limit - 1].id, is_past_beginnings=False).number)
    room = limit - len(found)
    if len(more) > room:
        last: int | None = more[room - 1].id if room else after_id
    else:
        last = _last_searched(connection, list_id, after_id)
    go_on = None if last is None else _Place(last, is_past_beginnings=True).number
    return Searched([*found, *more[:room]], go_on)


class _Place(NamedTuple):
    """Behind which member a search goes on: first among addresses that begin so, then among all others."""

    member_id: int
    is_past_beginnings: bool

    @property
    def number(self) -> int:
        return 2 * self.member_id + self.is_past_beginnings


def _place_of(number: int | None) -> _Place:
    return _Place(0, is_past_beginnings=False) if number is None else _Place(number // 2, number % 2 == 1)


def _address_of(connection: Connection, list_id: int, member_id: int) -> str:
    """Its key; "" for nobody, as when it was taken off meanwhile: rather one is shown twice than never."""
    mine = (list_members.c.id == member_id) & (list_members.c.list_id == list_id)
    query = select(list_members.c.address_key).where(mine)
    return (connection.execute(query).scalar_one_or_none() or "") if member_id else ""


def _with_part(connection: Connection, list_id: int, key: str, after_id: int, limit: int) -> list[Member]:
    """And an address that does not begin with it."""
    read = (list_members.c.id, list_members.c.address_key, list_members.c.words)
    part = _in_order(select(*read), list_id, after_id).limit(MEMBERS_SEARCHED + 1).subquery()
    fits = or_(contains(part.c.address_key, key), contains(part.c.words, key))
    ids = select(part.c.id).where(fits, ~part.c.address_key.between(key, _last_with(key))).limit(limit)
    found = select(*_COLUMNS).where(list_members.c.id.in_(ids)).order_by(list_members.c.id)
    return [_member(row) for row in connection.execute(found)]


def _beginning_with(connection: Connection, list_id: int, key: str, behind: str, limit: int) -> list[Member]:
    address = list_members.c.address_key
    begins = (address > behind if behind else address >= key) & (address <= _last_with(key))
    # By no index of the list: a planner that took it would read and sort everybody who is on it.
    query = select(*_COLUMNS).where(begins, list_members.c.list_id + 0 == list_id)
    return [_member(row) for row in connection.execute(query.order_by(address).limit(limit))]


def _last_with(beginning: str) -> str:
    """No address that begins so is behind it."""
    return beginning + "\U0010ffff"


def _last_searched(connection: Connection, list_id: int, after_id: int | None) -> int | None:
    """The member at which a search stops; None: it comes to the end. Counted in the index alone."""
    last = _in_order(select(list_members.c.id), list_id, after_id).offset(MEMBERS_SEARCHED).limit(1)
    return connection.execute(last).scalar_one_or_none()


def lists_with(connection: Connection, address_key: str) -> list[str]:
    """The names of all lists that an address is on."""
    query = select(lists.c.name).join(list_members, list_members.c.list_id == lists.c.id)
    mine = query.where(list_members.c.address_key == address_key).order_by(lists.c.name)
    return list(connection.execute(mine).scalars())


def add(connection: Connection, list_id: int, rows: Sequence[NewMember]) -> None:
    """Adds these, none of whom is on it."""
    if rows:
        NEW_MEMBERS.run(connection, rows)
        kept.count_more(connection, list_id, len(rows))


def change(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Name, variables, words, address and consent of some, by `of_member`; all rows with the same columns.

    What held of whose consent changes is to be kept before (consent.py).
    """
    if rows:
        written = {name: bindparam(f"new_{name}", type_=list_members.c[name].type) for name in MEMBER_FIELDS}
        statement = update(list_members).where(list_members.c.id == bindparam("of_member")).values(written)
        connection.execute(statement, list(rows))


MEMBER_FIELDS = ("address", "name", "variables", "words", *FACT_COLUMNS, "updated_at")


def remove(connection: Connection, list_id: int, ids: Collection[int]) -> int:
    """Takes some thousand off, with what is known of their consent; says how many were on it."""
    if not ids:
        return 0
    mine = any_of(list_members.c.id, "ids")
    gone = delete(list_members).where(mine, list_members.c.list_id == list_id)
    number = connection.execute(gone, {"ids": list(ids)}).rowcount
    if number:
        kept.count_more(connection, list_id, -number)
    return number


def _of_list(list_id: int, after_id: int | None) -> Select[Any]:
    return _in_order(select(*_COLUMNS), list_id, after_id)


def _in_order(query: Select[Any], list_id: int, after_id: int | None) -> Select[Any]:
    return of_one(query, list_members.c.list_id, list_id, list_members.c.id, after_id=after_id)


def _member(row: Sequence[Any]) -> Member:
    values = dict(zip(_PLAIN, row, strict=False))
    values |= {name: from_millis(values[name]) for name in ("created_at", "updated_at")}
    return Member(**values, consent=consent.fact_of(*row[len(_PLAIN) :]))
