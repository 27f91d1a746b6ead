"""Arrivals: newcomers beside who is on a list already, and what that changes there."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from mailroom.content.lists.list_values import LARGEST_VALUES
from mailroom.content.lists.newcomers import Newcomer
from mailroom.content.lists.stated_consent import StatedConsent
from mailroom.content.merge.plain import Value, text_of
from mailroom.database.clock import from_millis, to_millis
from mailroom.in_parts import in_parts_by_weight
from mailroom.ledger.lists import members
from mailroom.ledger.lists.consent import ConsentFact
from mailroom.ledger.lists.members import MEMBERS_AT_ONCE, VALUES_AT_ONCE, Member

EXAMPLES_SHOWN = 20
"""Of those who are added, changed, removed."""


@dataclass(frozen=True, slots=True)
class ImportWish:
    """`consent`: of everybody who has none so far, and of whom no row says more."""

    replaces: bool = False
    consent: StatedConsent | None = None


class ListCounts(NamedTuple):
    """How many are added, changed, removed, and stay as they are."""

    added: int
    changed: int
    removed: int
    unchanged: int


@dataclass(slots=True)
class ListChanges:
    """What an import changes, or would; `examples`: the first of each kind, with what changes."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    consents: int = 0  # of whom another fact of consent holds then
    examples: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: {"added": [], "changed": [], "removed": []}
    )

    @property
    def counts(self) -> ListCounts:
        return ListCounts(self.added, self.changed, self.removed, self.unchanged)

    def note(self, kind: str, address: str, words: str = "") -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if kind in self.examples and len(self.examples[kind]) < EXAMPLES_SHOWN:
            self.examples[kind].append((address, words))


class Arrival(NamedTuple):
    """A newcomer beside who is there already (None: nobody), and what becomes of both."""

    newcomer: Newcomer
    before: Member | None
    name: str
    values: Mapping[str, Value]
    fact: ConsentFact | None  # that is to hold from now on; None: what holds stays

    @property
    def changes(self) -> bool:
        before = self.before
        return before is None or bool(
            self.fact
            or before.name != self.name
            or before.variables != self.values
            or before.address != self.newcomer.address
        )


def readable_parts(connection: Connection, list_id: int, some: list[Newcomer]) -> Iterator[list[Newcomer]]:
    """They in parts, of each of which those who are there already may be read at once."""
    if len(some) * LARGEST_VALUES <= VALUES_AT_ONCE:
        return iter([some])
    lengths = members.lengths_among(connection, list_id, [one.key for one in some])
    return in_parts_by_weight(some, MEMBERS_AT_ONCE, lambda one: lengths.get(one.key, 0), VALUES_AT_ONCE)


def arrivals_of(
    connection: Connection, list_id: int, some: list[Newcomer], wish: ImportWish, now: datetime
) -> Iterator[Arrival]:
    return arrivals_among(members.among(connection, list_id, [one.key for one in some]), some, wish, now)


def arrivals_among(
    present: Mapping[str, Member], some: list[Newcomer], wish: ImportWish, now: datetime
) -> Iterator[Arrival]:
    """The same for who knows who of them is there."""
    for one in some:
        before = present.get(one.key)
        fact = _fact(before.consent if before else None, one.consent, wish.consent, now)
        if before is None or wish.replaces:
            yield Arrival(one, before, one.name, one.values, fact)
        else:  # what the file leaves empty stays as it was
            yield Arrival(one, before, one.name or before.name, {**before.variables, **one.values}, fact)


def look_at(changes: ListChanges, matched: array[int], arrivals: Iterable[Arrival]) -> None:
    for one in arrivals:
        changes.consents += one.fact is not None
        if one.before is None:
            changes.note("added", one.newcomer.address, one.name)
            continue
        matched.append(one.before.id)
        if one.changes:
            changes.note("changed", one.newcomer.address, _difference(one))
        else:
            changes.unchanged += 1


def _fact(
    before: ConsentFact | None, own: StatedConsent | None, of_all: StatedConsent | None, now: datetime
) -> ConsentFact | None:
    """What is to hold from now on; None: what holds stays.

    What is older never takes the place of what is newer, and only who says when has a withdrawal given again.
    """
    stated = own or (of_all if before is None else None)
    if stated is None:
        return None
    at = from_millis(to_millis(stated.at or now))
    if before is not None:
        is_same = (before.given, before.how, before.evidence) == (stated.given, stated.how, stated.evidence)
        if at < before.at or (is_same and (stated.at is None or at == before.at)):
            return None
        if stated.given and not before.given and stated.at is None:
            return None
    return ConsentFact(stated.given, at, stated.how, stated.evidence, now)


def _difference(one: Arrival) -> str:
    """city: Berlin → Paris"""
    assert one.before is not None
    old: dict[str, Value] = {"name": one.before.name, **one.before.variables}
    new: dict[str, Value] = {"name": one.name, **one.values}
    differing = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    words = [f"{name}: {_shown(old.get(name))} → {_shown(new.get(name))}" for name in differing[:3]]
    more = [f"{len(differing) - 3} more"] if len(differing) > 3 else []
    return ", ".join([*words, *more, *(["consent"] if one.fact else [])])


def _shown(value: Value) -> str:
    text = text_of(value)
    return f"{text[:40]}…" if len(text) > 40 else text or "(empty)"
