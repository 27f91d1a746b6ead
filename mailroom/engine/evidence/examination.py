"""Examination of a relay's record: what a relay's record proves that the ledger does not know."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from mailroom.database.engine import Database
from mailroom.engine.evidence.lookup import Traced, traced
from mailroom.engine.key_ring import KeyRing
from mailroom.feedback.relay_logs.relay_log import Covered
from mailroom.feedback.relay_logs.trace import Said, Trace
from mailroom.in_parts import in_parts
from mailroom.ledger import moves
from mailroom.ledger.feedback import known
from mailroom.ledger.feedback.known import Known
from mailroom.ledger.states import State

LOOKED_UP_AT_ONCE = 500

BEFORE, AFTER = timedelta(minutes=10), timedelta(minutes=30)
"""A record that covers so much time around a mark tells of that mail, if its relay took it."""

MOST_LOST = 100_000
"""Mails that the ledger does not have, each told of once; of more, some are told of twice."""


class Proof(StrEnum):
    """What is proven of a mail."""

    HANDED_OVER = "handed over"  # unknown here, and the relay took it
    CAME_BACK = "came back"
    NOT_UNSENT = "believed unsent"  # by a ledger that was restored
    NOT_IN_LEDGER = "not in this ledger"  # a Mailroom made it, and this one does not know of it
    OTHER_RECIPIENT = "another recipient"  # its Message-ID is ours, and the relay had it for somebody else


class Proven(NamedTuple):
    proof: Proof
    trace: Trace
    known: Known | None


class Examination:
    """Reads traces, and finds of each delivery once what is news; some at a time, in flat memory.

    `clients`: mail that others handed in proves nothing; empty: whoever did. `reconciles`: the ledger was
    restored, so what it believes unsent may have been sent.
    """

    def __init__(
        self, database: Database, ring: KeyRing, *, clients: Collection[str] = (), reconciles: bool = False
    ) -> None:
        self._database, self._ring = database, ring
        self._clients = {client.lower() for client in clients}
        self._reconciles = reconciles
        self._seen = {proof: _Ids() for proof in Proof}
        self._lost: set[int] = set()
        self.counts: Counter[Proof] = Counter()

    def groups(self, traces: Iterable[Trace]) -> Iterator[list[Proven]]:
        """Of some hundred traces each. The ledger may be told of one before the next is asked for."""
        ours = (one for one in traces if not self._clients or one.client.lower() in self._clients)
        for some in in_parts(ours, LOOKED_UP_AT_ONCE):
            with self._database.read() as connection:
                found = traced(connection, some, self._ring)
            yield [proven for one in found for proven in self._of(one)]

    def untraced(self, covered: Covered) -> Iterator[Known]:
        """Unknown ones that were handed over in the time that was read, and left no trace in it."""
        if covered.since is None or covered.until is None or covered.since + BEFORE > covered.until - AFTER:
            return
        since, until, last = covered.since + BEFORE, covered.until - AFTER, 0
        while True:
            with self._database.read() as connection:
                page = known.unknown_between(connection, since, until, last)
            if not page:
                return
            last = page[-1].of.id
            traced_here = self._seen[Proof.HANDED_OVER], self._seen[Proof.CAME_BACK]
            yield from (one for one in page if not any(one.of.id in ids for ids in traced_here))

    def _of(self, one: Traced) -> Iterator[Proven]:
        for proof in self._proofs(one):
            is_new = (
                self._is_new_loss(one.trace) if one.known is None else self._seen[proof].add(one.known.of.id)
            )
            if is_new:
                self.counts[proof] += 1
                yield Proven(proof, one.trace, one.known)

    def _proofs(self, one: Traced) -> Iterator[Proof]:
        if one.known is None:
            if one.is_other:
                yield Proof.OTHER_RECIPIENT
            elif one.is_lost and self._reconciles:
                yield Proof.NOT_IN_LEDGER
            return
        state, came_back = one.known.state, one.trace.said is Said.BOUNCED
        is_unsent = self._reconciles and state in moves.RECONCILE.before
        if is_unsent:
            yield Proof.NOT_UNSENT
        if came_back and (is_unsent or state in moves.BOUNCE.before):
            yield Proof.CAME_BACK
        elif state is State.UNKNOWN:
            yield Proof.HANDED_OVER

    def _is_new_loss(self, trace: Trace) -> bool:
        """Of a mail that has no delivery here."""
        mail = hash((trace.message_id, trace.recipients))
        if mail in self._lost:
            return False
        if len(self._lost) < MOST_LOST:
            self._lost.add(mail)
        return True


class _Ids:
    """A set of deliveries, a bit for each that there may be: a million take little more than a hundred KB."""

    def __init__(self) -> None:
        self._octets: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(1024))

    def add(self, id: int) -> bool:
        """False: it was there."""
        block, place = self._octets[id >> 13], id & 8191
        is_new = not block[place >> 3] & 1 << (place & 7)
        block[place >> 3] |= 1 << (place & 7)
        return is_new

    def __contains__(self, id: int) -> bool:
        block = self._octets.get(id >> 13)
        return block is not None and bool(block[(id & 8191) >> 3] & 1 << (id & 7))
