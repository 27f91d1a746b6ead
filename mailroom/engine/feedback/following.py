"""Consequences of reports: moves, complaints, strikes, a mailing that pauses; in their own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import structlog
from sqlalchemy import Connection

from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.feedback.report import ReportKind
from mailroom.ledger import moves, suppressions
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.feedback import complaints, reports, strikes, tripping
from mailroom.ledger.feedback.mailed import Mailed
from mailroom.ledger.feedback.reports import Fact
from mailroom.ledger.feedback.strikes import Strike
from mailroom.ledger.moves import Step
from mailroom.ledger.picking import Picked
from mailroom.ledger.states import Event, State
from mailroom.ledger.webhooks import webhook_events
from mailroom.smtp.address_fault import AddressFault, address_fault

log = structlog.get_logger()

PROVES = (ReportKind.DELIVERED, ReportKind.RELAYED, ReportKind.SENT, ReportKind.COMPLAINED)
"""Kinds that nobody says of a mail which was not taken."""

COMPLAINED_REASON = "complained"


def moves_it(kind: str, state: State) -> moves.Move | None:
    """The move that a report makes of a delivery in this state, if any."""
    if kind == ReportKind.BOUNCED and state in moves.BOUNCE.before:
        return moves.BOUNCE
    return moves.PROVE if kind in PROVES and state in moves.PROVE.before else None


def follow(
    connection: Connection,
    facts: Sequence[Fact],
    picked: Mapping[int, Picked],
    mailed: Mapping[int, Mailed],
    rules: FeedbackRules,
) -> None:
    """`facts`: of a delivery each, and new. `picked`: the deliveries, locked; `mailed`: the same."""
    bounced = _move(connection, facts, picked)
    complained = _complain(connection, facts, mailed)
    _tell_delivered(connection, facts)
    _strike(connection, facts, bounced, mailed, rules)
    changed = {mailed[id].mailing_id for id in (*bounced, *complained)}
    for mailing_id, why in tripping.look_at(connection, sorted(changed), rules.why_pause):
        log.warning("a mailing pauses itself", mailing=mailing_id, reason=why)


def _move(connection: Connection, facts: Iterable[Fact], picked: Mapping[int, Picked]) -> set[int]:
    """Each delivery once: what came back, came back. Those that did."""
    steps: dict[int, Step] = {}
    came_back: list[str] = []
    for fact in sorted(facts, key=lambda one: one.kind != ReportKind.BOUNCED):
        assert fact.delivery_id is not None
        row = picked[fact.delivery_id]
        move = moves_it(fact.kind, row.state)
        if move is not None and row.id not in steps:
            steps[row.id] = Step(move, values={"code": fact.code, "reply": _said(fact)})
            came_back += [fact.key] if row.state is State.SENT else []
    if came_back:
        reports.keep_taken(connection, came_back)
    # Of a batch that has not ended nobody was told yet that they were sent.
    untold = [id for id in steps if picked[id].state is State.SENT and not picked[id].is_counted]
    webhook_events.note(connection, untold)
    moved = moves.apply(connection, [(picked[id], step) for id, step in sorted(steps.items())])
    return {row.id for row in moved if steps[row.id].move is moves.BOUNCE}


def _said(fact: Fact) -> str:
    """Its words; an enhanced code that they leave out goes before."""
    words = fact.words or f"{fact.kind}, says {fact.reporter or fact.way}"
    return words if not fact.status or fact.status in words else f"{fact.status} {words}"


def _evidence(fact: Fact) -> str:
    return f"{fact.code} {_said(fact)}" if fact.code else _said(fact)


def _complain(connection: Connection, facts: Iterable[Fact], mailed: Mapping[int, Mailed]) -> set[int]:
    """Noted and told once of each delivery; its sender's bulk mail ends."""
    by_id = {fact.delivery_id: fact for fact in facts if fact.kind == ReportKind.COMPLAINED}
    new = complaints.note(connection, [id for id in by_id if id is not None])
    for id in sorted(new, key=lambda one: mailed[one].address_key):
        of, fact = mailed[id], by_id[id]
        suppressions.add(
            connection,
            [of.address_key],
            COMPLAINED_REASON,
            scope=Scope(of.sender_address.lower()),
            mailing_id=of.mailing_id,
            delivery_id=id,
            evidence=_evidence(fact),
        )
    webhook_events.note_reports(connection, Event.COMPLAINED, [by_id[id].key for id in sorted(new)])
    return new


def _tell_delivered(connection: Connection, facts: Iterable[Fact]) -> None:
    """Once of each mail."""
    delivered = [fact.key for fact in facts if fact.kind == ReportKind.DELIVERED]
    if delivered and webhook_events.wanted(connection):
        webhook_events.note_reports(connection, Event.DELIVERED, reports.first_said(connection, delivered))


def _strike(
    connection: Connection,
    facts: Iterable[Fact],
    bounced: set[int],
    mailed: Mapping[int, Mailed],
    rules: FeedbackRules,
) -> None:
    """A mail strikes once, however many tell of it; an address that is gone is so whatever state is its."""
    met: dict[int, Strike] = {}
    for fact in facts:
        if fact.kind != ReportKind.BOUNCED or fact.delivery_id is None:
            continue
        of = mailed[fact.delivery_id]
        fault = _fault(fact, of)
        if fault is AddressFault.GONE or (fault is AddressFault.PERHAPS and of.id in bounced):
            is_gone = fault is AddressFault.GONE
            met.setdefault(of.id, Strike(of.address_key, is_gone, _evidence(fact), of.mailing_id, of.id))
    strikes.strike(connection, list(met.values()), rules.suppress_after)


def _fault(fact: Fact, of: Mailed) -> AddressFault:
    """Of the address that was mailed. Where it forwards to is somewhere else: that one may be gone."""
    names = (of.address_key, fact.address)
    fault = address_fault(fact.code, fact.words, names, fact.status, is_transient=fact.is_transient)
    is_elsewhere = _domain(fact.address) != _domain(of.address_key)
    return AddressFault.PERHAPS if fault is AddressFault.GONE and is_elsewhere else fault


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
