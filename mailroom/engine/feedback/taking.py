"""Taking: the one door for whatever comes back, by which way ever.

A report is in the ledger when `take` returns: only then may a message be taken off its mailbox, or a
webhook be answered. Read twice, it is counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.feedback.facts import fact_of, in_ascii, key_of, readable
from mailroom.engine.feedback.following import follow
from mailroom.engine.feedback.matching import NOT_IN_LEDGER, SAID_ENOUGH, Match, SealedToken, match, opened
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.key_ring import KeyRing
from mailroom.feedback.report import Report, ReportKind
from mailroom.ledger import picking
from mailroom.ledger.feedback import mailed, reports
from mailroom.ledger.feedback.reports import LISTED_OCTETS, Fact
from mailroom.ledger.picking import Picked
from mailroom.ledger.schema import deliveries
from mailroom.ledger.states import State

TAKEN_AT_ONCE = 200
"""Reports a transaction: others who write to SQLite must not wait long."""


MOST_OF_A_KIND = 10
"""Facts of one kind that are kept of a delivery: the first of them did all that such ones do."""


class Taken(NamedTuple):
    """What became of a report. `unmatched`: why it is of no delivery; `is_new`: nobody had read it before."""

    delivery_id: int | None
    unmatched: str
    is_new: bool


def take(database: Database, given: Sequence[Report], ring: KeyRing, rules: FeedbackRules) -> list[Taken]:
    """Notes reports, and all that follows from them, in transactions of TAKEN_AT_ONCE.

    Raises an error of LEDGER_AWAY: those that were not noted are to be given again, and all of them may be.
    """
    taken: list[Taken] = []
    for begin in range(0, len(given), TAKEN_AT_ONCE):
        some = [readable(report) for report in given[begin : begin + TAKEN_AT_ONCE]]
        tokens = [opened(report, ring) for report in some]
        try:
            taken += _take_together(database, some, tokens, rules)
        except LEDGER_AWAY:
            raise
        except DBAPIError:  # a database of another encoding: what it cannot keep holds up nothing else
            for report, token in zip(some, tokens, strict=True):
                taken += _take_together(database, [in_ascii(report)], [token], rules)
    return taken


def _take_together(
    database: Database,
    given: Sequence[Report],
    tokens: Sequence[SealedToken | None],
    rules: FeedbackRules,
) -> list[Taken]:
    with database.begin() as connection:
        return _take(connection, given, tokens, rules)


def look_again(database: Database, rules: FeedbackRules) -> int:
    """What came back while its mail was still being handed over follows now: how many reports."""
    with database.read() as connection:
        waiting = reports.open_ones(connection)
    if not waiting:
        return 0
    with database.begin() as connection:
        picked = _pick(connection, {fact.delivery_id for fact in waiting if fact.delivery_id is not None})
        over = [fact for fact in waiting if (row := picked.get(fact.delivery_id or 0)) and not _is_open(row)]
        closed = reports.close(connection, [fact.key for fact in over])
        facts = [fact for fact in over if fact.key in closed]
        of = mailed.by_id(connection, picked)
        follow(connection, facts, picked, of, rules)
    return len(facts)


def _take(
    connection: Connection,
    given: Sequence[Report],
    tokens: Sequence[SealedToken | None],
    rules: FeedbackRules,
) -> list[Taken]:
    keys = [key_of(report) for report in given]
    first = {key: place for place, key in reversed([*enumerate(keys)])}
    known = reports.known(connection, first)
    places = sorted(place for key, place in first.items() if key not in known)
    unread, opened_ones = [given[place] for place in places], [tokens[place] for place in places]
    matches = match(connection, unread, opened_ones, is_signed=rules.is_signed)
    of = {one.of.id: one.of for one in matches if one.of is not None}
    picked = _pick(connection, of)
    said = reports.said_of(connection, picked)
    facts = [_fact(report, one, picked, said) for report, one in zip(unread, matches, strict=True)]
    new = reports.note(connection, facts)
    told = [fact for fact in facts if fact.key in new and fact.delivery_id is not None]
    follow(connection, [fact for fact in told if not fact.is_open], picked, of, rules)
    if any(fact.unmatched for fact in facts):
        reports.forget_unmatched(connection)
    became = {**known, **{fact.key: (fact.delivery_id, fact.unmatched) for fact in facts}}
    return [Taken(*became[key], is_new=key in new and first[key] == place) for place, key in enumerate(keys)]


def _pick(connection: Connection, ids: Collection[int]) -> dict[int, Picked]:
    """Locks these deliveries."""
    if not ids:
        return {}
    mailed.lock(connection, ids)
    return {row.id: row for row in picking.pick(connection, deliveries.c.id.in_(sorted(ids)))}


def _fact(
    report: Report, matched: Match, picked: Mapping[int, Picked], said: Counter[tuple[int, str]]
) -> Fact:
    """`said`: of which deliveries what was told how often; who has a mail must not fill the ledger."""
    fact = fact_of(report, matched.unmatched)
    if matched.of is None:
        return _of_nobody(fact, matched.unmatched)
    of, row = matched.of, picked.get(matched.of.id)
    if row is None:
        return _of_nobody(fact, NOT_IN_LEDGER)
    said[of.id, fact.kind] += 1
    if said[of.id, fact.kind] > MOST_OF_A_KIND:
        return _of_nobody(fact, SAID_ENOUGH)
    return replace(
        fact,
        delivery_id=of.id,
        mailing_id=of.mailing_id,
        address=fact.address or of.address_key,
        # What somebody else may have made suppresses nobody at once.
        is_transient=fact.is_transient or (fact.kind == ReportKind.BOUNCED and not matched.is_certain),
        is_open=_is_open(row),
    )


def _of_nobody(fact: Fact, why: str) -> Fact:
    """With no more of what it was read from than is shown: strangers make these by the thousand."""
    return replace(fact, unmatched=why, raw=fact.raw[:LISTED_OCTETS])


def _is_open(row: Picked) -> bool:
    """It is being handed over at this moment: what its server said is not noted yet."""
    return row.state is State.SENDING
