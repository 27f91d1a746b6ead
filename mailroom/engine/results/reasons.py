"""Results by reason: what servers said of mail that is not sent, grouped by what the words mean.

Replies that differ in names, numbers, addresses and links only are one reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mailroom.ledger.deliveries.results import SaidOf
from mailroom.ledger.states import BOUNCED, DEFERRED, EXPIRED, FAILED, UNKNOWN, State
from mailroom.smtp.blame import gist
from mailroom.smtp.reply import Reply

STATES_WITH_REASONS = (FAILED, BOUNCED, EXPIRED, UNKNOWN, DEFERRED)

MOST_REASONS = 2_000
"""Kept apart while they are counted; what comes after these is counted together."""

REASONS_TOLD = 50
MOST_DOMAINS_OF_A_REASON = 500

LONGEST_GIST = 300
"""Characters of a reply that are compared."""

MOST_REPLIES_KNOWN = 20_000
"""Replies, without their numbers, whose reason is known: to find it by the words takes ten times as long."""

_NUMBERS = re.compile(r"\d+")


@dataclass(slots=True)
class FailureReason:
    """`words`: what its replies have in common; `example`: the first of them, of delivery `example_id`."""

    code: int | None
    status: str  # enhanced (RFC 3463)
    words: str
    example: str
    example_id: int
    counts: Counter[State] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0  # at domains that are not counted one by one

    @property
    def number(self) -> int:
        return self.counts.total()

    def add(self, said: SaidOf) -> None:
        self.counts[said.state] += 1
        domain = said.address.rpartition("@")[2].lower()
        if domain in self.domains or len(self.domains) < MOST_DOMAINS_OF_A_REASON:
            self.domains[domain] += 1
        else:
            self.elsewhere += 1


@dataclass(frozen=True, slots=True)
class ReasonsTold:
    """The most frequent reasons; `others`: how many deliveries have another."""

    told: list[FailureReason]
    others: int


def told_by_reason(all_said: Iterable[SaidOf]) -> ReasonsTold:
    found: dict[str, FailureReason] = {}
    known: dict[tuple[int | None, str], FailureReason] = {}
    others = 0
    for said in all_said:
        alike = said.code, _without_particulars(said)
        reason = known.get(alike) or _reason(said, found)
        if reason is None:
            others += 1
            continue
        if len(known) < MOST_REPLIES_KNOWN:
            known[alike] = reason
        reason.add(said)
    ordered = sorted(found.values(), key=lambda reason: -reason.number)
    return ReasonsTold(
        ordered[:REASONS_TOLD], others + sum(reason.number for reason in ordered[REASONS_TOLD:])
    )


def _without_particulars(said: SaidOf) -> str:
    """Its beginning without the address and numbers: of many replies that is the same."""
    local = said.address.rpartition("@")[0]
    text = said.reply[:LONGEST_GIST].replace(said.address, "")
    return _NUMBERS.sub("0", text.replace(local, "") if len(local) > 2 else text)


def _reason(said: SaidOf, found: dict[str, FailureReason]) -> FailureReason | None:
    """The one of those found that has the same words, or a new one; None: they are too many."""
    reply = Reply(said.code or 0, said.reply[:LONGEST_GIST])
    words = gist(reply, (said.address,))
    if words not in found:
        if len(found) == MOST_REASONS:
            return None
        status = reply.enhanced or ""
        common = words.removeprefix(f"{reply.code} {status}").strip(" :;,.-()")
        found[words] = FailureReason(said.code, status, common, said.reply, said.id)
    return found[words]
