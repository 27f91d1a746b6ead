"""What must be true of every ledger and every sink, whatever happened: I1 to I6."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import func, select

from mailroom.database.engine import Database
from mailroom.engine.letterhead import made_id
from mailroom.ledger import states
from mailroom.ledger.mailings import mailings
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.sink.record import RecordedMessage

SETTLED = (*states.TERMINAL, states.UNKNOWN)


@dataclass
class Account:
    """What was accepted, what arrived, and every invariant that does not hold."""

    accepted: int = 0
    arrived: int = 0
    lost: int = 0
    extra: int = 0
    by_state: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def counters_agree(database: Database) -> None:
    """Every mailing's counters are what counting its rows gives, in every state."""
    troubles_agree(database)
    counted: dict[int, Counter[str]] = {}
    of_each = (deliveries.c.mailing_id, deliveries.c.state)
    with database.read() as connection:
        rows = connection.execute(select(*of_each, func.count()).group_by(*of_each))
        for mailing_id, state, number in rows:
            counted.setdefault(mailing_id, Counter())[state] = number
        chosen = select(mailings_table.c.id).where(mailings_table.c.state != states.STAGED)
        ids = connection.execute(chosen).scalars().all()
        found = mailings.several(connection, ids)
        assert len(found) == len(ids)
        for mailing in found:
            counters = {state: number for state, number in mailing.counts.items() if number}
            assert counters == counted.get(mailing.id, {}), f"the counters of mailing {mailing.id} are wrong"
            assert sum(counters.values()) == mailing.total


def troubles_agree(database: Database) -> None:
    """By the index of what people look for that is found, as it is, and nothing else."""
    with database.read() as connection:
        of_each = (deliveries.c.state, deliveries.c.trouble, deliveries.c.troubled_at.is_(None))
        for state, found, is_undated in connection.execute(select(*of_each).distinct()):
            is_usual = state.about.is_usual
            assert (found, is_undated) == (None if is_usual else state, is_usual), (
                f"{state}: found as {found}"
            )


def account(database: Database, messages: Iterable[RecordedMessage]) -> Account:
    """Compares a ledger in which all is over with everything that its sink recorded."""
    found = Account()
    seen: dict[str, list[RecordedMessage]] = {}
    for message in messages:
        found.arrived += 1
        seen.setdefault(message.message_id, []).append(message)
    statement = select(
        deliveries.c.id, deliveries.c.address, deliveries.c.state, deliveries.c.due_at, mailings_table
    ).join(mailings_table, mailings_table.c.id == deliveries.c.mailing_id)
    with database.read() as connection:
        rows = connection.execute(statement.where(mailings_table.c.state != states.STAGED)).all()
        live = connection.execute(select(func.count()).select_from(batches)).scalar_one()
    for row in rows:
        found.accepted += 1
        found.by_state[row[2]] += 1
        # One that came as a whole message has kept its own name.
        copies = seen.pop(row.message_id or made_id(row, row.id), [])
        _judge(found, row.address, row[2], row.due_at, [copy.recipient for copy in copies])
    if live:
        found.faults.append(f"I1: {live} batches are left")
    for name, copies in seen.items():
        found.faults.append(f"I4: a Message-ID that belongs to no delivery: {name} to {copies[0].recipient}")
    return found


def _judge(found: Account, address: str, state: str, due_at: int | None, copies: list[str]) -> None:
    if state not in SETTLED or due_at is not None:
        found.lost += 1
        found.faults.append(f"I1: {address} is {state} and never ends")
    if state == states.SENT and not copies:
        found.lost += 1
        found.faults.append(f"I2, I5: {address} is sent, and not in the sink")
    if state in (states.SUPPRESSED, states.CANCELED) and copies:
        found.faults.append(f"I6: {address} is {state}, and in the sink")
    if any(copy != address for copy in copies):
        found.faults.append(f"I4: mail for {address} went to {copies}")
    found.extra += max(0, len(copies) - 1)


def check(
    database: Database,
    messages: Iterable[RecordedMessage],
    *,
    extra_at_most: int = 0,
    accepted: int | None = None,
) -> Account:
    """All invariants at once; the account, for those who make a table of it."""
    found = account(database, messages)
    counters_agree(database)
    if accepted is not None and found.accepted != accepted:
        found.lost += abs(accepted - found.accepted)
        found.faults.append(f"I1: {accepted} were accepted, and {found.accepted} are in the ledger")
    if found.extra > extra_at_most:
        found.faults.append(f"I3: {found.extra} extra copies, at most {extra_at_most} are allowed")
    assert not found.faults, "\n".join(found.faults[:20])
    return found
