"""New lists made of what is there: a list's members for whom conditions hold, or a mailing's outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from mailroom.content.lists.conditions import Condition, all_hold
from mailroom.content.lists.list_values import compact
from mailroom.content.merge.plain import Value
from mailroom.content.recipients.spool import characters_of
from mailroom.database import clock
from mailroom.database.engine import Database
from mailroom.engine.lists.importing import row_of_member
from mailroom.engine.lists.removing import remove_half_made
from mailroom.in_parts import in_parts_by_weight
from mailroom.ledger import suppressions
from mailroom.ledger.deliveries.outcomes import with_outcome
from mailroom.ledger.lists import kept, lease, members
from mailroom.ledger.lists.consent import ConsentFact
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.lease import Permit, granted
from mailroom.ledger.lists.members import MEMBERS_AT_ONCE, VALUES_AT_ONCE, Member
from mailroom.ledger.lists.reach import PEOPLES

log = structlog.get_logger()


class NewListName(NamedTuple):
    """What a new list is called, and whose it is."""

    name: str
    list_name: str
    program_id: int = PEOPLES
    user_id: int | None = None
    is_shared: bool = False


class _Chosen(NamedTuple):
    address: str
    name: str
    values: Mapping[str, Value]
    fact: ConsentFact | None


def _characters(one: _Chosen) -> int:
    return characters_of(one.values)


def values_to_test(member: Member) -> dict[str, Value]:
    """What conditions look at."""
    fact = member.consent
    said = "" if fact is None else "given" if fact.given else "withdrawn"
    return {**member.variables, "email": member.address, "name": member.name, "consent": said}


def fitting(connection: Connection, list_id: int, conditions: Sequence[Condition]) -> Iterator[Member]:
    """The members for whom all conditions hold, in their order."""
    return (one for one in members.each(connection, list_id) if all_hold(conditions, values_to_test(one)))


def from_list(
    database: Database,
    source: KeptList,
    conditions: Sequence[Condition],
    new: NewListName,
    permit: Permit = granted,
) -> KeptList:
    """With their values, the consent that holds, and what they unsubscribed from. Raises NameTaken."""

    def chosen(connection: Connection) -> Iterator[_Chosen]:
        for one in fitting(connection, source.id, conditions):
            yield _Chosen(one.address, one.name, one.variables, one.consent)

    return _made(database, new, source.columns, chosen, source.list_name, permit=permit)


def from_mailing(
    database: Database,
    mailing_id: int,
    outcome: str,
    columns: Sequence[str],
    new: NewListName,
    permit: Permit = granted,
) -> KeptList:
    """Its recipients with this outcome (outcomes.py), with the values they had. Raises NameTaken."""

    def chosen(connection: Connection) -> Iterator[_Chosen]:
        seen: set[str] = set()
        for one in with_outcome(connection, mailing_id, outcome):
            if one.address.lower() not in seen:
                seen.add(one.address.lower())
                yield _Chosen(one.address, one.name, compact(one.variables or {}), None)

    return _made(database, new, columns, chosen, permit=permit)


def _made(
    database: Database,
    new: NewListName,
    columns: Sequence[str],
    chosen: Callable[[Connection], Iterator[_Chosen]],
    source_name: str = "",
    *,
    permit: Permit,
) -> KeptList:
    """All of it or none: read in one transaction, as one picture; written in several short ones."""
    with database.begin() as connection:
        permit(connection)
        made = kept.add(
            connection,
            new.name,
            new.list_name,
            columns=columns,
            is_shared=new.is_shared,
            program_id=new.program_id,
            user_id=new.user_id,
        )
        owner = lease.take(connection, made.id)
    try:
        with database.read() as reading:
            for some in in_parts_by_weight(chosen(reading), MEMBERS_AT_ONCE, _characters, VALUES_AT_ONCE):
                with database.begin() as connection:
                    permit(connection)
                    lease.renew(connection, made.id, owner)
                    now = clock.now(connection)
                    members.add(connection, made.id, [row_of_member(made.id, *one, now) for one in some])
        with database.begin() as connection:
            permit(connection)
            if source_name:
                suppressions.carry_over(connection, made.id, source_name, made.list_name)
            lease.end(connection, made.id, owner)
            found = kept.by_id(connection, made.id)
    except Exception:
        remove_half_made(database, made, owner)
        raise
    assert found is not None
    log.info("a list is made", list=found.uid, members=found.total)
    return found
