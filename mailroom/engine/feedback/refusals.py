"""Refusals by the relay itself: they blame an address by the same rules as what comes back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection

from mailroom.ledger.deliveries.tries import Outcome
from mailroom.ledger.feedback import mailed, strikes
from mailroom.ledger.feedback.strikes import Strike
from mailroom.ledger.states import State
from mailroom.smtp.address_fault import AddressFault, address_fault
from mailroom.smtp.blame import OF_A_RECIPIENT
from mailroom.smtp.reply import Reply


def blame(
    connection: Connection, outcomes: Sequence[Outcome], moved: Collection[int], suppress_after: int
) -> None:
    """Of the outcomes that were written (`moved`: their deliveries). Nothing is asked for any other mail."""
    faults = {one.delivery_id: fault_of(one) for one in outcomes if one.delivery_id in moved}
    blamed = {id: fault for id, fault in faults.items() if fault is not AddressFault.NONE}
    if blamed:
        of = mailed.by_id(connection, blamed)
        strikes.strike(connection, _strikes(outcomes, blamed, of), suppress_after)


def fault_of(outcome: Outcome) -> AddressFault:
    """Of a refusal for good. After the content it is about that, unless it names the address."""
    if outcome.state is not State.FAILED or outcome.code is None:
        return AddressFault.NONE
    fault = address_fault(outcome.code, outcome.reply)
    if outcome.stage == "rcpt" or fault is AddressFault.GONE:
        return fault
    names_mailbox = OF_A_RECIPIENT.match(Reply(outcome.code, outcome.reply).enhanced or "")
    return fault if names_mailbox else AddressFault.NONE


def _strikes(
    outcomes: Sequence[Outcome], blamed: Mapping[int, AddressFault], of: Mapping[int, mailed.Mailed]
) -> list[Strike]:
    found = {one.delivery_id: one for one in outcomes if one.delivery_id in blamed}
    return [
        Strike(
            of[id].address_key,
            blamed[id] is AddressFault.GONE,
            f"{outcome.code} {outcome.reply}",
            of[id].mailing_id,
            id,
        )
        for id, outcome in sorted(found.items())
    ]
