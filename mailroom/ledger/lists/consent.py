"""Consent facts of a list's members: given or withdrawn, when, how, by what evidence.

The one that holds stands with the member; what it takes the place of goes into `consent_facts`, where nothing
is ever changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, insert, select, true, update

from mailroom.database import clock
from mailroom.database.clock import from_millis, to_millis
from mailroom.database.connection import pipeline
from mailroom.database.together import Together
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.schema import consent_facts, list_members, lists

MOST_FACTS_SHOWN = 200


class ConsentFact(NamedTuple):
    """`at`: when it was given or withdrawn; `noted_at`: when we were told."""

    given: bool
    at: datetime
    how: str
    evidence: str
    noted_at: datetime


FACT_COLUMNS = (*("consent_given", "consent_at", "consent_how", "consent_evidence", "consent_noted_at"),)
"""Of a member, in the order of ConsentFact."""


def columns_of_fact(fact: ConsentFact | None) -> dict[str, object]:
    """A member's columns when this is what holds."""
    if fact is None:
        return dict(zip(FACT_COLUMNS, (None, None, "", "", None), strict=True))
    told = (fact.given, to_millis(fact.at), fact.how, fact.evidence, to_millis(fact.noted_at))
    return dict(zip(FACT_COLUMNS, told, strict=True))


def fact_of(
    given: bool | None, at: int | None, how: str, evidence: str, noted_at: int | None
) -> ConsentFact | None:
    """What a member's columns say."""
    if given is None or at is None or noted_at is None:
        return None
    return ConsentFact(bool(given), from_millis(at), how, evidence, from_millis(noted_at))


def history(connection: Connection, member_id: int) -> list[ConsentFact]:
    """What held before, the latest first."""
    columns = (consent_facts.c[name] for name in ("given", "at", "how", "evidence", "noted_at"))
    query = select(*columns).where(consent_facts.c.member_id == member_id)
    newest = query.order_by(consent_facts.c.id.desc()).limit(MOST_FACTS_SHOWN)
    return [fact for row in connection.execute(newest) if (fact := fact_of(*row)) is not None]


def keep(connection: Connection, member_ids: Sequence[int]) -> None:
    """What holds of these members becomes history: for who is about to write another fact."""
    if member_ids:
        _keep(connection, list_members.c.id.in_(member_ids))


def hold(connection: Connection, member_id: int, fact: ConsentFact) -> None:
    """From this commit on this is what holds."""
    keep(connection, [member_id])
    changed = update(list_members).where(list_members.c.id == member_id)
    connection.execute(changed.values(columns_of_fact(fact)))


def unsubscribed(connection: Connection, address_key: str, scope: Scope, evidence: str) -> None:
    """This address wants no more mail of `scope`: a fact of each list that it is about."""
    _note(
        connection,
        address_key,
        scope,
        given=False,
        how=_words_of("unsubscribed from", scope),
        evidence=evidence,
    )


def taken_back(connection: Connection, address_key: str, scope: Scope, evidence: str) -> None:
    """That was a mistake: what had been withdrawn is given again."""
    how = _words_of("took back the unsubscription from", scope)
    _note(connection, address_key, scope, given=True, how=how, evidence=evidence)


def _words_of(act: str, scope: Scope) -> str:
    if not scope.sender:
        return f"{act} all mail"
    what = f"“{scope.list_name}”" if scope.list_name else "bulk mail"
    return f"{act} {what} of {scope.sender}"


def _note(
    connection: Connection, address_key: str, scope: Scope, *, given: bool, how: str, evidence: str
) -> None:
    named = lists.c.list_name == scope.list_name if scope.list_name else true()
    about = and_(
        list_members.c.address_key == address_key,
        list_members.c.list_id.in_(select(lists.c.id).where(named)),
    )
    # What was never given has nothing to be given again.
    about = about if not given else and_(about, list_members.c.consent_given.is_(False))
    reads = Together(connection)
    clock_now, members = reads.ask(clock.now), reads.ask(_locked, about)
    # One statement more than needed for whoever is on no list, which most unsubscribers' addresses are not.
    ids, now = members(), from_millis(clock_now())
    if not ids:
        return
    keep(connection, ids)
    fact = ConsentFact(given, now, how, evidence, now)
    changed = update(list_members).where(list_members.c.id.in_(ids))
    pipeline.do(connection, changed.values(columns_of_fact(fact)))


def _locked(connection: Connection, about: ColumnElement[bool]) -> list[int]:
    return list(connection.execute(select(list_members.c.id).where(about).with_for_update()).scalars())


def _keep(connection: Connection, which: ColumnElement[bool]) -> None:
    said = (list_members.c[name] for name in ("id", *FACT_COLUMNS))
    held = select(*said).where(which, list_members.c.consent_given.is_not(None))
    names = ["member_id", "given", "at", "how", "evidence", "noted_at"]
    pipeline.do(connection, insert(consent_facts).from_select(names, held))
