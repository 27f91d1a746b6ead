"""Import into a list: what it would change, told beforehand; then the import, in short transactions.

add       whoever is new is added; of the others, what the file says is written over what was there
replace   the list becomes exactly what is imported; whoever is not in it is taken off
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import chain, groupby, islice
from typing import Any

import structlog
from sqlalchemy import Connection

from mailroom.content.lists.list_values import as_json, words_of
from mailroom.content.lists.newcomers import Newcomer, Newcomers, all_columns
from mailroom.content.merge.plain import Value
from mailroom.database import clock
from mailroom.database.clock import from_millis, to_millis
from mailroom.database.engine import Database
from mailroom.database.together import Together
from mailroom.engine.lists.arrivals import (
    EXAMPLES_SHOWN,
    Arrival,
    ImportWish,
    ListChanges,
    ListCounts,
    arrivals_among,
    arrivals_of,
    look_at,
    readable_parts,
)
from mailroom.in_parts import in_parts_by_weight
from mailroom.ledger.lists import consent, kept, lease, members
from mailroom.ledger.lists.consent import ConsentFact, columns_of_fact
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.lease import ImportOvertaken, Permit, granted
from mailroom.ledger.lists.members import MEMBERS_AT_ONCE, VALUES_AT_ONCE, NewMember

log = structlog.get_logger()


class ListHasChanged(Exception):
    """An import would not do what it was said to do; nothing was done."""


def plan_import(connection: Connection, into: KeptList, brought: Newcomers, wish: ImportWish) -> ListChanges:
    """What it would change, if it were done now. Raises TooManyColumns, ValuesTooLong."""
    _columns_after(into, brought, wish)
    changes, matched, now = ListChanges(), array("q"), from_millis(clock.now(connection))
    for some in _parts_of(brought):
        for few in readable_parts(connection, into.id, some):
            look_at(changes, matched, arrivals_of(connection, into.id, few, wish, now))
    if wish.replaces:
        _plan_removal(connection, into.id, changes, _sorted(matched))
    else:
        changes.unchanged = into.total - changes.changed
    return changes


def _plan_removal(connection: Connection, list_id: int, changes: ListChanges, staying: array[int]) -> None:
    """All but those who stay go. Only the first of them are looked for: there may be a million."""
    present = kept.by_id(connection, list_id)
    total = present.total if present else 0
    changes.removed = max(0, total - sum(1 for _ in groupby(staying)))  # somebody may leave meanwhile
    gone = chain.from_iterable(_others(connection, list_id, staying)) if changes.removed else iter(())
    for id in islice(gone, min(changes.removed, EXAMPLES_SHOWN)):
        member = members.get(connection, id)
        changes.examples["removed"].append((member.address if member else "", ""))


def import_into(
    database: Database,
    into: KeptList,
    brought: Newcomers,
    wish: ImportWish,
    expected: ListCounts | None = None,
    *,
    permit: Permit = granted,
) -> ListChanges:
    """Does it. `expected`: what somebody agreed to.

    Raises ListIsBusy, ListHasChanged, TooManyColumns: then nothing was done. ValuesTooLong,
    ImportOvertaken, and what `permit` raises.
    """
    columns = _columns_after(into, brought, wish)
    with database.begin() as connection:
        permit(connection)
        before = kept.by_id(connection, into.id)
        owner = lease.take(connection, into.id)
    assert before is not None
    is_half_done = before.importing_until is not None
    try:
        if expected is not None:
            with database.read() as connection:
                if plan_import(connection, before, brought, wish).counts != expected:
                    raise ListHasChanged
        is_half_done = True
        changes = _import(database, into, brought, wish, owner, permit)
        with database.begin() as connection:
            permit(connection)
            kept.set_columns(connection, into.id, columns)
            lease.end(connection, into.id, owner)
    except BaseException:
        _leave(database, into.id, owner, is_half_done=is_half_done)
        raise
    log.info("a list is imported", list=into.uid, **changes.counts._asdict())
    return changes


def put(connection: Connection, into: KeptList, newcomer: Newcomer, *, replaces: bool = False) -> ListChanges:
    """One member, in the caller's transaction: added, or changed. Raises TooManyColumns, ValuesTooLong."""
    all_columns(into.columns, newcomer.values)
    reads = Together(connection)  # in this order
    locked, clock_now = reads.ask(kept.lock, into.id), reads.ask(clock.now)
    known = reads.ask(kept.columns_of, into.id)
    present = reads.ask(members.among, into.id, [newcomer.key])
    locked()
    now, before = from_millis(clock_now()), known()
    arrivals = list(arrivals_among(present(), [newcomer], ImportWish(replaces=replaces), now))
    changes = ListChanges()
    look_at(changes, array("q"), arrivals)
    _write(connection, into.id, arrivals, now)
    columns = list(dict.fromkeys([*before, *newcomer.values]))
    if columns != before:
        kept.set_columns(connection, into.id, columns)
    return changes


def row_of_member(
    list_id: int, address: str, name: str, values: Mapping[str, Value], fact: ConsentFact | None, now: int
) -> NewMember:
    """Raises ValuesTooLong."""
    held: Any = columns_of_fact(fact)
    return NewMember(
        list_id,
        address,
        address.lower(),
        name,
        as_json(values),
        words_of(name, values),
        **held,
        created_at=now,
        updated_at=now,
    )


def _import(
    database: Database, into: KeptList, brought: Newcomers, wish: ImportWish, owner: str, permit: Permit
) -> ListChanges:
    changes, matched, before = ListChanges(), array("q"), into.total
    for some in _parts_of(brought):
        with database.begin() as connection:
            permit(connection)
            lease.renew(connection, into.id, owner)
            now = from_millis(clock.now(connection))
            for few in readable_parts(connection, into.id, some):
                arrivals = list(arrivals_of(connection, into.id, few, wish, now))
                look_at(changes, matched, arrivals)
                _write(connection, into.id, arrivals, now)
                if wish.replaces:  # whom it adds it does not remove
                    added = [one.newcomer.key for one in arrivals if one.before is None]
                    matched.extend(one.id for one in members.among(connection, into.id, added).values())
    if not wish.replaces:
        changes.unchanged = before - changes.changed
        return changes
    staying = _sorted(matched)
    after = 0
    while True:
        with database.begin() as connection:
            permit(connection)
            lease.renew(connection, into.id, owner)
            ids = members.ids_after(connection, into.id, after, MEMBERS_AT_ONCE)
            if not ids:
                return changes
            changes.removed += members.remove(connection, into.id, _missing(ids, staying))
            after = ids[-1]


def _parts_of(brought: Newcomers) -> Iterator[list[Newcomer]]:
    """Each for one transaction."""
    return in_parts_by_weight(brought, MEMBERS_AT_ONCE, lambda one: one.characters, VALUES_AT_ONCE)


def _leave(database: Database, list_id: int, owner: str, *, is_half_done: bool) -> None:
    """Says how the list stands, as far as anybody can."""
    with suppress(ImportOvertaken), database.begin() as connection:
        (lease.break_off if is_half_done else lease.end)(connection, list_id, owner)


def _columns_after(into: KeptList, brought: Newcomers, wish: ImportWish) -> list[str]:
    return all_columns(() if wish.replaces else into.columns, brought.columns)


def _write(connection: Connection, list_id: int, arrivals: Iterable[Arrival], now: datetime) -> None:
    new, changed, kept_facts, millis = [], [], [], to_millis(now)
    for one in arrivals:
        if one.before is None:
            newcomer = one.newcomer
            new.append(row_of_member(list_id, newcomer.address, one.name, one.values, one.fact, millis))
        elif one.changes:
            fact = one.fact or one.before.consent
            as_json(one.values)
            kept_facts += [one.before.id] if one.fact else []
            changed.append(
                {
                    "of_member": one.before.id,
                    "new_address": one.newcomer.address,
                    "new_name": one.name,
                    "new_variables": dict(one.values),
                    "new_words": words_of(one.name, one.values),
                    "new_updated_at": millis,
                    **{f"new_{name}": value for name, value in columns_of_fact(fact).items()},
                }
            )
    consent.keep(connection, kept_facts)
    members.change(connection, changed)
    members.add(connection, list_id, new)


def _sorted(ids: array[int]) -> array[int]:
    return array("q", sorted(ids))


def _missing(ids: list[int], among: array[int]) -> list[int]:
    """Those that are not in the sorted others."""
    return [one for one in ids if (at := bisect_left(among, one)) == len(among) or among[at] != one]


def _others(connection: Connection, list_id: int, staying: array[int]) -> Iterator[list[int]]:
    after = 0
    while ids := members.ids_after(connection, list_id, after, MEMBERS_AT_ONCE):
        yield _missing(ids, staying)
        after = ids[-1]
